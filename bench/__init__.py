"""Benchmarks: one question a file, peers measured in the same run. `launch.py bench NAME`; bars in bars.toml.

A bench module has `async def run(options: Options) -> list[Row]` or a plain `def`. Timings never decide a test.
"""
