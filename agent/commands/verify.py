"""`verify`: check what a Markdown document says of a repository; keep the citations of an audit up to date."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from agent.commands.options import Json, Repo, open_snapshot
from agent.commands.plain import write, write_json
from agent.errors import UserError

if TYPE_CHECKING:
    from agent.documents.verification import Verification

LARGEST = 64_000_000
UNCITED_SHOWN = 10


def verify(
    repo: Repo,
    document: Annotated[
        Path | None,
        typer.Argument(
            metavar="DOCUMENT", help="A Markdown file, or the answers.json or folder of an audit.", show_default=False
        ),
    ] = None,
    as_json: Json = False,
    update: Annotated[
        bool, typer.Option("--update", help="Rewrite moved citations in an ANSWERS.md and its answers.json.")
    ] = False,
    selftest: Annotated[
        bool, typer.Option("--selftest", help="Measure the verifier on spoilt citations of a finished audit.")
    ] = False,
) -> None:
    """Check every citation, name, code block and count of a document against a repository."""
    if selftest:
        raise typer.Exit(_selftest(repo, document, as_json=as_json))
    if document is None:
        raise UserError("verify needs a DOCUMENT", "name a Markdown file, or the ANSWERS.md of an audit")
    raise typer.Exit(_verify(repo, document, as_json=as_json, update=update))


def _verify(repo: Path, document: Path, *, as_json: bool, update: bool) -> int:
    from agent.documents.opening import open_document
    from agent.documents.rewrite import rewrite

    opened = open_document(document, repo, most=LARGEST)
    if update and opened.recorded is None:
        raise UserError(
            f"--update needs the answers.json of an audit beside {document}", "it says what was cited there"
        )
    verification = opened.verify()
    moved = rewrite(opened, verification) if update else 0
    if as_json:
        write_json(verification.as_dict() | {"updated": moved})
    else:
        _print(document.name, verification)
        if update:
            write(f"{moved} citation{'' if moved == 1 else 's'} rewritten")
    return 1 if verification.false > moved else 0


def _print(name: str, verification: "Verification") -> None:
    """One line per finding, as `document:line: verdict: what - why`, then the totals."""
    for one in verification.citations:
        write(f"{name}:{one.document_line}: {one.verdict.replace('_', ' ')}: {one.text} - {one.reason}")
    for name_ in verification.names:
        if name_.verdict == "missing":
            write(f"{name}:{name_.document_line}: no such name: {name_.name} - {name_.reason}")
    for block in verification.code_blocks:
        verdict = block.verdict.replace("_", " ") if block.is_false else "ok" if block.verdict == "ok" else "no source"
        where = f" of {block.path}" if block.claimed else ""
        write(f"{name}:{block.document_line}: {verdict}: code block{where} - {block.reason}")
    for count in verification.counts:
        verdict = "ok" if count.verdict == "ok" else "wrong count"
        write(f"{name}:{count.document_line}: {verdict}: {count.text} - {count.reason}")
    for statement in verification.uncited[:UNCITED_SHOWN]:
        write(f"{name}:{statement.document_line}: uncited: {statement.text[:160]}")
    if more := verification.uncited[UNCITED_SHOWN:]:
        write(f"{name}: {len(more)} more statements cite nothing; --json lists them")
    write(_totals(verification))


def _totals(verification: "Verification") -> str:
    summary = verification.summary()
    if not verification.citations:
        cited = "no citation found"
    else:
        kinds = [f"{summary[one]} {one.replace('_', ' ')}" for one in list(summary)[:10] if summary[one]]
        cited = f"{summary['citations']} citation{'' if summary['citations'] == 1 else 's'}: {', '.join(kinds)}"
    others = {
        "names_missing": "names missing",
        "code_blocks_false": "code blocks false",
        "counts_contradicted": "counts wrong",
    }
    named = [f"{summary[key]} {words}" for key, words in others.items() if summary[key]]
    verdict = f"{summary['false']} false" if summary["false"] else "nothing false"
    return "; ".join([cited, *named, f"{summary['uncited']} statements uncited", verdict])


def _selftest(repo: Path, document: Path | None, *, as_json: bool) -> int:
    from agent.documents.selftest import run_selftest

    folder = _audit_folder(repo, document)
    table = run_selftest(open_snapshot(repo), folder)
    if as_json:
        write_json(table.as_dict())
    else:
        for line in table.lines():
            write(line)
    return 0


def _audit_folder(repo: Path, document: Path | None) -> Path:
    """The answers.json of the audit to measure on: the one named, or that of the default output folder."""
    from agent.documents.recorded import ANSWERS

    chosen = document or Path("audits") / (repo.expanduser().resolve().name or "root")
    return chosen / ANSWERS if chosen.is_dir() or not chosen.suffix else chosen.with_name(ANSWERS)
