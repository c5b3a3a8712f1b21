"use strict";
// The served page: shows where the audit stands, loads the report anew when it is written, and asks. All text is set as text.
(() => {
  const one = (id) => document.getElementById(id);
  const make = (tag, attributes = {}, ...children) => {
    const element = document.createElement(tag);
    for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
    element.append(...children);
    return element;
  };
  const clock = (seconds) => `${Math.floor(seconds / 60)}:${String(Math.floor(seconds % 60)).padStart(2, "0")}`;
  const frame = one("report"), bar = one("bar"), text = one("text");
  try { if (localStorage.getItem("deposition-theme")) document.documentElement.dataset.theme = localStorage.getItem("deposition-theme"); } catch { /* no storage */ }
  addEventListener("storage", (event) => { if (event.key === "deposition-theme") document.documentElement.dataset.theme = event.newValue; });

  // Progress.
  function stand(now) {
    bar.className = now.state;
    const stage = now.stage ? `stage ${now.stage} of ${now.stages}, ${now.title.toLowerCase()}: ` : "";
    const left = now.left === null ? "" : `, about ${clock(now.left)} left`;
    text.textContent = now.state === "running" ? `${stage}${now.activity}${left}`
      : now.state === "interrupted" ? "interrupted; the same command continues" : frame.hidden ? "no audit is running" : "finished";
    one("progress").max = now.questions || 1;
    one("progress").value = now.answered;
    one("count").textContent = now.state === "finished" ? "" : `${now.answered} of ${now.questions} questions`;
    document.title = now.state === "running" ? `${now.answered}/${now.questions} ${now.repository}` : "Deposition";
  }

  // The report, loaded anew where the reader was.
  function reload(version) {
    if (version === null) return;
    const inside = frame.contentWindow;
    const place = frame.hidden ? null : [inside.scrollX, inside.scrollY];
    const hash = frame.hidden ? location.hash : inside.location.hash;
    frame.addEventListener("load", () => {
      if (place) frame.contentWindow.scrollTo(...place);
      document.title = frame.contentDocument.title || document.title;
    }, { once: true });
    frame.hidden = false;
    one("waiting").hidden = true;
    frame.src = `/report.html?${version}${place ? "" : hash}`;
    if (text.textContent === "no audit is running") text.textContent = "finished";
  }
  const source = new EventSource("/events");
  source.addEventListener("standing", (event) => stand(JSON.parse(event.data)));
  source.addEventListener("page", (event) => reload(JSON.parse(event.data)));
  source.addEventListener("error", () => { bar.className = "lost"; text.textContent = "the server has gone"; });

  // Asking.
  const drawer = one("ask");
  if (!drawer) return;
  const opener = one("open"), talk = one("talk"), question = one("question"), form = one("form");
  const toggle = (open) => {
    drawer.hidden = !open;
    opener.setAttribute("aria-expanded", String(open));
    (open ? question : opener).focus();
  };
  opener.addEventListener("click", () => toggle(drawer.hidden));
  one("close").addEventListener("click", () => toggle(false));
  document.addEventListener("keydown", (event) => { if (event.key === "Escape" && !drawer.hidden) toggle(false); });
  question.addEventListener("keydown", (event) => { if (event.key === "Enter" && !event.shiftKey) { event.preventDefault(); form.requestSubmit(); } });

  const prose = (said) => said.split(/(`[^`]+`)/).map((part) => (/^`[^`]+`$/.test(part) ? make("code", {}, part.slice(1, -1)) : part));
  const range = (place) => `${place.path}:${place.start === place.end ? place.start : `${place.start}-${place.end}`}`;
  function cite(place) {
    const button = make("button", { type: "button", class: "c", "aria-expanded": "false" }, range(place));
    let shown = null;
    button.addEventListener("click", () => {
      if (shown) { shown.remove(); shown = null; } else {
        const rows = place.lines.texts.map((line, at) => {
          const number = place.lines.first + at;
          return make("span", { class: number >= place.start && number <= place.end ? "on" : "off" }, make("i", {}, `${String(number).padStart(5)}  `), line);
        });
        shown = make("pre", { tabindex: "0" }, ...rows);
        button.parentElement.append(shown);
      }
      button.setAttribute("aria-expanded", String(Boolean(shown)));
    });
    return button;
  }
  const PLACES = 5;
  function claim(one) {
    const places = one.citations.slice(0, PLACES).flatMap((place) => [" ", cite(place)]);
    const more = one.citations.length - PLACES;
    const kind = `said${one.level ? " item" : ""}${one.origin === "model" ? " model" : ""}`;
    return make("div", { class: kind }, ...prose(one.text), ...places, ...(more > 0 ? [make("span", { class: "soft" }, ` and ${more} more places`)] : []), ...(one.block ? [make("pre", {}, one.block)] : []));
  }
  function show(box, reply, whole) {
    box.replaceChildren(...reply.claims.map(claim));
    if (!reply.found && !reply.claims.length) box.append(make("div", { class: "said" }, "Nothing in this code answers that."));
    if (reply.nearest.length) box.append(make("div", { class: "soft" }, "Nearest places, unchecked:"), make("div", {}, ...reply.nearest.flatMap((place) => [cite(place), " "])));
    if (whole) box.append(make("p", { class: "soft" }, make("span", { class: `badge ${reply.status}` }, reply.status), ` ${reply.searched}`));
  }
  async function ask(said) {
    const box = make("div"), note = make("p", { class: "soft" }, "looking");
    talk.append(make("p", { class: "asked" }, said), box, note);
    note.scrollIntoView({ block: "end" });
    const response = await fetch("/ask", { method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify({ question: said }) });
    if (!response.ok) { note.className = "error"; note.textContent = await response.text(); return; }
    const take = (line) => {
      const value = JSON.parse(line);
      if (value.kind === "progress") note.textContent = value.text;
      else if (value.kind === "error") { note.className = "error"; note.textContent = `${value.message}${value.hint ? ` - ${value.hint}` : ""}`; }
      else { show(box, value.reply, value.kind === "reply"); note.textContent = value.kind === "facts" ? "asking the model" : ""; }
    };
    let rest = "";
    for (const reader = response.body.pipeThrough(new TextDecoderStream()).getReader(); ; ) {
      const { done, value } = await reader.read();
      if (done) break;
      const lines = (rest + value).split("\n");
      rest = lines.pop();
      lines.forEach(take);
    }
  }
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    const said = question.value.trim();
    if (!said || form.inert) return;
    question.value = "";
    form.inert = true;
    try { await ask(said); } catch { talk.append(make("p", { class: "error" }, "the server has gone")); }
    form.inert = false;
    question.focus();
  });
})();
