"""Which files are screens: they build the widgets of a graphical interface, and carry little of the programs' work."""

from __future__ import annotations

from typing import TYPE_CHECKING

from retrieval.languages import words

if TYPE_CHECKING:
    from retrieval.codebase import Codebase

TOOLKITS = words("gradio streamlit PyQt5 PyQt6 PySide2 PySide6 tkinter customtkinter nicegui dearpygui kivy")


def is_screen(codebase: Codebase, path: str) -> bool:
    """Whether a file imports a library of widgets."""
    return any(item.module.partition(".")[0] in TOOLKITS for item in codebase.facts[path].imports)
