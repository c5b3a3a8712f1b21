"""Checking documents against a repository: any Markdown, and the reports of audits at a later state of the code.

    passages → forms → tree → ruling (gate) or drift → verification

No model, no index: the words of the repository, its syntax trees and, for counts, its census.
"""
