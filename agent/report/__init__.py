"""What an audit leaves behind: ANSWERS.md, answers.json and report.html, all from one frozen
`Report`.

document.py defines that value, markdown.py, answers.py and page.py render it, markup.py makes
foreign text inert, files.py writes.
"""
