"""Deposition: the auditor that asks a repository a fixed questionnaire and proves every answer.

The spine is audit → graph → nodes → verify. Around it: stages (the questionnaire), evidence and compose
(what the census and the search give to a stage), chat and worker (the model), report (what is written),
cli and console (the terminal). Importing this package imports nothing else.
"""
