"""Deposition: the auditor that asks a repository a fixed questionnaire and proves every answer.

The spine is audit → graph → nodes → verify. Around it: stages (the questionnaire), evidence and compose
(what the census and the search give to a stage), chat and worker (the model), report (what is written),
cli and console (the terminal). `from agent import audit` is the Python interface: `audit.run_audit`,
`audit.start_audit`. Importing this package imports nothing else.
"""
