"""Audits of many repositories, one after the other on a resident model, on one machine or on several.

source.py and listing.py say which repositories; unpack.py and clone.py bring them into a folder; jobs.py does the
work on one of them, in the processes of process.py; local.py and cluster.py hand the work out; board.py keeps what is
known on disk; course.py is the main path; summary.py, comparison.py and difference.py tell what came of it. An audit
knows nothing of any of these.
"""
