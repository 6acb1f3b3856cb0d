"""What the published raftos 0.2.6 does with its files: promises of durability that it breaks, on its own `Log` and
`FileDict`, over the simulated disk. Named for the promise, asserting that it is broken (docs/engines.md)."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import msgpack
import pytest

from cluster.world.sim import SimWorld
from store.engines.raftos.config import Config
from store.engines.raftos.files import Files
from store.engines.raftos.library import FOLDER
from store.engines.raftos.member import Member, UnreadableError
from tests.store.engines.raftosdesk import Desk, on_desk

NAMES = ("store-0", "store-1", "store-2")


def on_host(story: Callable[[Any], Awaitable[None]]) -> None:
    with SimWorld(1) as world:

        async def main() -> None:
            await story(await world.join(NAMES[0], "master-0"))

        world.run(main())


def boot(host: Any, **options: Any) -> Member:
    return Member(host, Config(NAMES, **options))


def entry(member: Member, term: int, value: object) -> None:
    member.state.log.write(term, {"k": value})


@pytest.mark.parametrize(
    ("what", "term", "value"),
    [
        ("a line feed in a text", 1, "a\nb"),
        ("the number 10", 1, 10),
        ("ten bytes", 1, b"0123456789"),
        ("term 10", 10, "x"),
        ("a text of 266 bytes", 1, "x" * 266),
    ],
)
def test_a_log_with_a_byte_0x0a_is_not_read_back(what: str, term: int, value: object) -> None:
    """Records end with a line feed and are not escaped."""

    async def story(host: Any) -> None:
        member = boot(host)
        entry(member, term, value)
        try:
            cache = boot(host).state.log.cache
        except UnreadableError:
            return
        assert cache != [{"term": term, "command": {"k": value}}], what

    on_host(story)


def test_on_a_leader_the_fifth_write_fails_after_a_byte_0x0a() -> None:
    async def story(desk: Desk) -> None:
        await desk.elect(0, 1, 2)
        await desk.append(0, 1)
        for value in ("a\nb", "1", "2", "3"):
            write = desk.write(0, "k", value)
            await desk.append(0, 1)
            await desk.beat(0, 1)
            write.result()
        fifth = desk.write(0, "k", "4")
        await desk.sent(0, 1, "")
        assert isinstance(fifth.exception(), msgpack.OutOfData | ValueError)

    on_desk(3, story)


def test_its_other_serializer_keeps_line_feeds() -> None:
    async def story(host: Any) -> None:
        member = boot(host, serializer="json")
        entry(member, 10, "a\nb")
        assert boot(host, serializer="json").state.log.cache == [{"term": 10, "command": {"k": "a\nb"}}]

    on_host(story)


def test_the_published_serializer_reads_nothing_with_this_msgpack() -> None:
    async def story(host: Any) -> None:
        published = boot(host).library.conf.config.serializer.__mro__[1]
        assert published.__name__ == "MessagePackSerializer"
        with pytest.raises(TypeError, match="encoding"):
            published.unpack(published.pack({"term": 1}))
        with pytest.raises(msgpack.ExtraData):
            msgpack.unpackb(published.pack({"term": 1}) + b"\n")

    on_host(story)


def test_every_fifth_write_reads_the_whole_log(monkeypatch: pytest.MonkeyPatch) -> None:
    async def story(host: Any) -> None:
        member = boot(host)
        reads: list[int] = []
        read = member.state.log.read

        def counted() -> Any:
            reads.append(len(member.state.log))
            return read()

        monkeypatch.setattr(member.state.log, "read", counted)
        for i in range(50):
            entry(member, 1, str(i))
        assert reads == [5 * i for i in range(1, 11)]

    on_host(story)


def test_every_apply_reads_and_writes_all_registers() -> None:
    async def story(host: Any) -> None:
        member = boot(host)
        machine, disk = member.state.state_machine, host.disk
        machine.applied = lambda command: None
        sizes = []
        for i in range(20):
            machine.apply({f"k{i:02}": "x" * 100})
            sizes.append(len(disk.read(disk.names(f"{FOLDER}{NAMES[0]}_1.state_machine")[-1])))
        assert sizes[-1] - sizes[0] > 19 * 100
        assert [later - earlier for earlier, later in zip(sizes, sizes[1:], strict=False)][5] == sizes[1] - sizes[0]

    on_host(story)


def test_a_repeated_message_rewrites_the_whole_log() -> None:
    async def story(desk: Desk) -> None:
        await desk.elect(0, 1, 2)
        await desk.append(0, 1)
        for i in range(7):
            write = desk.write(0, "k", str(i))
            await desk.append(0, 1)
            await desk.beat(0, 1)
            write.result()
        before = desk.generation(1)
        (*_, last) = [data for data in await desk.sent(0, 1, "append_entries") if b"command" in data]
        await desk.hand(0, 1, last)
        assert len(desk.log(1)) == 7
        assert desk.generation(1) == before + 1, "emptied, and all seven written again"

    on_desk(3, story)


def test_nothing_is_synced_before_it_is_answered(monkeypatch: pytest.MonkeyPatch) -> None:
    async def story(desk: Desk) -> None:
        await desk.elect(0, 1, 2)
        await desk.append(0, 1)
        write = desk.write(0, "k", "1")
        await desk.append(0, 1)
        await desk.beat(0, 1)
        write.result()
        for i in range(3):
            platter = desk.platter(i)
            assert all(file.durable == 0 for file in platter.files.values())
            platter.crash(lose_all=True)
            desk.boot(i)
        assert [desk.log(i) for i in range(3)] == [[], [], []]
        assert [desk.term(i) for i in range(3)] == [0, 0, 0], "terms are given a second time"

    on_desk(3, story)


def test_files_are_as_a_plain_file_system_s() -> None:
    async def story(host: Any) -> None:
        files = Files(host.disk, FOLDER)
        with pytest.raises(FileNotFoundError):
            files.open("raftos/a")
        with files.open("raftos/a", "ab") as file:
            file.write(b"one\n")
        with files.open("raftos/a", "ab") as file:
            file.write(b"two")
        with files.open("raftos/a", "rb") as file:
            assert file.readlines() == [b"one\n", b"two"]
        files.open("raftos/a", "wb").close()
        with files.open("raftos/a", "rb") as file:
            assert file.read() == b""
        with files.open("raftos/a", "wb") as file:
            file.write(b"three")
        assert len(host.disk.names(FOLDER)) == 3
        await files.flush()
        assert host.disk.names(FOLDER) == ["raftos/a.00000003"]
        with Files(host.disk, FOLDER).open("raftos/a", "rb") as file:
            assert file.read() == b"three"

    on_host(story)


def test_older_generations_that_a_crash_left_are_removed() -> None:
    async def story(host: Any) -> None:
        files = Files(host.disk, FOLDER)
        for text in (b"1", b"2"):
            with files.open("raftos/a", "wb") as file:
                file.write(text)
        later = Files(host.disk, FOLDER)
        with later.open("raftos/a", "rb") as file:
            assert file.read() == b"2"
        await later.flush()
        assert host.disk.names(FOLDER) == ["raftos/a.00000002"]

    on_host(story)
