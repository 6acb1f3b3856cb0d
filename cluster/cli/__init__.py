"""The command line, a file for each group of commands.

`main.py` has the table; start-up time is felt, so a command's module is imported when it is called. What a command
shows was read from the cluster; the rules of objects live elsewhere.
"""
