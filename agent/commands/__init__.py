"""The commands of the command line, one module each. They parse, call and print; the work is done
elsewhere.
"""
