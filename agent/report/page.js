"use strict";
// The page's behaviour: opens cited lines, filters, sorts tables, zooms pictures. Every text is set as text, never as markup.
(async () => {
  const root = document.documentElement;
  const packed = Uint8Array.from(atob(document.getElementById("data").textContent), (letter) => letter.charCodeAt(0));
  const data = await new Response(new Blob([packed]).stream().pipeThrough(new DecompressionStream("gzip"))).json();
  root.classList.add("js");
  const all = (selector, from = document) => [...from.querySelectorAll(selector)];
  const one = (selector, from = document) => from.querySelector(selector);
  const make = (tag, attributes = {}, ...children) => {
    const element = document.createElement(tag);
    for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
    element.append(...children);
    return element;
  };
  const button = (label, title, act, attributes = {}) => {
    const element = make("button", { type: "button", title, ...attributes }, label);
    element.addEventListener("click", act);
    return element;
  };
  const range = (start, end) => (start === end ? `${start}` : `${start}-${end}`);
  const path = (file) => (typeof file === "number" ? data.files[file][0] : file);
  const store = { get: (key) => { try { return localStorage.getItem(key); } catch { return null; } },
                  set: (key, value) => { try { localStorage.setItem(key, value); } catch { /* a file:// page may have no storage */ } } };

  // Syntax: one expression per family of languages; the first group that matched names the colour.
  const WORDS = {
    python: "False None True and as assert async await break case class continue def del elif else except finally for from global if import in is lambda match nonlocal not or pass raise return try while with yield self cls",
    other: "abstract async await bool boolean break case catch char class const continue default delete do double else enum export extends extern false final finally float fn for func function goto if impl implements import in int interface let long match module mut namespace new nil null package private protected public pub return self short static struct super switch template this throw throws trait true try type typedef undefined union unsigned use using var virtual void while yield echo then fi done esac local",
  };
  const FAMILIES = {
    python: [/(?<m>#.*)|(?<s>[rbfuRBFU]{0,2}(?:"""(?:\\.|[^\\])*?(?:"""|$)|'''(?:\\.|[^\\])*?(?:'''|$)|"(?:\\.|[^"\\])*(?:"|$)|'(?:\\.|[^'\\])*(?:'|$)))|(?<d>@[\w.]+|(?<=\b(?:def|class)\s+)\w+)|(?<u>\b\d[\w.]*)|(?<w>[A-Za-z_]\w*)/g, WORDS.python],
    hash: [/(?<m>(?:^|(?<=\s))#.*)|(?<s>"(?:\\.|[^"\\])*(?:"|$)|'(?:[^'\\]|\\.)*(?:'|$))|(?<d>^\s*(?:- )?[\w."'-]+(?=\s*[:=])|^\s*\[.*\]\s*$)|(?<u>\b\d[\w.]*)|(?<w>[A-Za-z_]\w*)/g, "true false null yes no if then else fi for do done while case esac in function export local return FROM RUN COPY CMD ENTRYPOINT ENV ARG WORKDIR"],
    slash: [/(?<m>\/\/.*|\/\*.*?(?:\*\/|$))|(?<s>"(?:\\.|[^"\\])*(?:"|$)|'(?:\\.|[^'\\])*(?:'|$)|`(?:\\.|[^`\\])*(?:`|$))|(?<u>\b\d[\w.]*)|(?<w>[A-Za-z_$][\w$]*)/g, WORDS.other],
    prose: [/(?<d>^\s{0,3}#{1,6} .*|^[=\-~^]{3,}\s*$)|(?<s>`[^`]*`)|(?<w>\b\B)/g, ""],
  };
  const KIND = { python: "python", notebook: "slash", markdown: "prose", restructuredtext: "prose", rst: "prose", text: "prose" };
  for (const name of "yaml toml ini cfg shell bash dockerfile makefile properties requirements r ruby perl".split(" ")) KIND[name] = "hash";
  const keywords = {};
  for (const [name, [, words]] of Object.entries(FAMILIES)) keywords[name] = new Set(words.split(" "));

  /** One line as nodes; `open` is what an earlier line left open; gives [nodes, what this line leaves open]. */
  function coloured(line, language, open) {
    const family = KIND[language] || "slash";
    const nodes = [];
    let at = 0;
    const put = (text, kind) => { if (text) nodes.push(kind ? make("span", { class: kind }, text) : text); };
    if (open) {
      const closing = open === "/*" ? "*/" : open;
      const end = line.indexOf(closing);
      if (end < 0) { put(line, open === "/*" ? "m" : "s"); return [nodes, open]; }
      at = end + closing.length;
      put(line.slice(0, at), open === "/*" ? "m" : "s");
    }
    const [pattern] = FAMILIES[family];
    pattern.lastIndex = at;
    for (let match; (match = pattern.exec(line)); ) {
      if (!match[0]) { pattern.lastIndex += 1; continue; }
      const [kind] = Object.entries(match.groups).find(([, value]) => value !== undefined);
      put(line.slice(at, match.index), "");
      put(match[0], kind !== "w" ? kind : keywords[family].has(match[0]) ? "k" : "");
      at = pattern.lastIndex;
      const left = unclosed(match[0], kind, family);
      if (left) return [nodes, left];
    }
    put(line.slice(at), "");
    return [nodes, ""];
  }

  function unclosed(token, kind, family) {
    if (family === "python" && kind === "s") {
      const body = token.replace(/^[a-zA-Z]{0,2}/, "");
      const mark = body.slice(0, 3);
      if ((mark === '"""' || mark === "'''") && (body.length < 6 || !body.endsWith(mark))) return mark;
    }
    return family === "slash" && kind === "m" && token.startsWith("/*") && !token.endsWith("*/") ? "/*" : "";
  }

  // The source pane: the embedded lines of one file, the cited ones marked.
  const pane = one("#pane");
  let opener = null;
  let trail = [];

  function show(file, start, end, from) {
    const entry = data.files[file];
    if (!entry) return;
    if (opener) opener.setAttribute("aria-expanded", "false");
    opener = from || null;
    if (opener && opener.matches(".c")) opener.setAttribute("aria-expanded", "true");
    const [name, language, total, blocks] = entry;
    const mine = data.cites[file];
    const users = [...new Set(mine.filter(([a, b]) => a <= end && b >= start).flatMap((cite) => cite.slice(2)))].sort((a, b) => a - b);
    const place = `${name}:${range(start, end)}`;
    const head = make("header", {}, make("div", { class: "title" }, make("h2", {}, place), button("Copy", "Copy path and lines", () => copy(place)), button("Close", "Close (Esc)", hide)));
    const row = make("div", { class: "row" });
    row.append(button("←", "Previous citation ( [ )", () => step(-1)), button("→", "Next citation ( ] )", () => step(1)));
    row.append(make("span", { class: "soft" }, `${total} lines`));
    for (const user of users.slice(0, 12)) row.append(make("a", { href: `#q${data.questions[user]}` }, data.questions[user]));
    if (users.length > 12) row.append(make("span", { class: "soft" }, `and ${users.length - 12} more answers`));
    head.append(row);
    const lines = make("div", { class: "lines", tabindex: "0", role: "region", "aria-label": `Lines of ${name}` }, table(language, total, blocks, mine, start, end));
    pane.replaceChildren(head, lines);
    pane.hidden = false;
    const opened = !root.classList.contains("open");
    root.classList.add("open");
    if (opened && opener) opener.scrollIntoView({ block: "center" });
    const target = one("tr.on", lines);
    if (target) lines.scrollTop = target.offsetTop - lines.clientHeight / 4;
    lines.focus({ preventScroll: true });
  }

  function table(language, total, blocks, mine, start, end) {
    const body = make("tbody");
    const gap = (count) => { if (count > 0) body.append(make("tr", { class: "gap" }, make("td", { colspan: "2" }, `${count} line${count > 1 ? "s" : ""} not in this page`))); };
    const cited = new Set();
    for (const [a, b] of mine) for (let number = a; number <= Math.min(b, a + 400); number++) cited.add(number);
    let next = 1;
    for (const [first, inside, text] of blocks) {
      gap(first - next);
      let open = inside;
      text.split("\n").forEach((line, at) => {
        const number = first + at;
        let nodes;
        [nodes, open] = coloured(line, language, open);
        const state = [number >= start && number <= end ? "on" : "", cited.has(number) ? "cited" : ""].join(" ").trim();
        body.append(make("tr", state ? { class: state } : {}, make("td", { class: "no" }, `${number}`), make("td", {}, ...nodes)));
        next = number + 1;
      });
    }
    gap(total - next + 1);
    return make("table", {}, body);
  }

  function hide() {
    pane.hidden = true;
    root.classList.remove("open");
    if (opener) { opener.setAttribute("aria-expanded", "false"); opener.focus({ preventScroll: true }); }
    opener = null;
  }

  function openPlace(place, from) {
    const [file, start, end] = place.split(":").map(Number);
    const article = from && from.closest("article, figure");
    trail = article ? all(".c, .step", article) : [];
    show(file, start, end, from);
  }

  function step(by) {
    const at = trail.indexOf(opener);
    const next = trail[at + by];
    if (!next || at < 0) return;
    for (let box = next.closest("details"); box; box = box.parentElement.closest("details")) box.open = true;
    next.scrollIntoView({ block: "nearest" });
    const [file, start, end] = next.dataset.p.split(":").map(Number);
    show(file, start, end, next);
  }

  function copy(text) { if (navigator.clipboard) navigator.clipboard.writeText(text).catch(() => {}); }

  // Lists of places that are only built when they are opened.
  const cite = (file, start, end, label) => make("button", { type: "button", class: "c", "data-p": `${file}:${start}:${end}` }, label);
  function fillPlaces(box) {
    for (const [file, ...places] of data.more[box.dataset.more]) {
      const buttons = places.flatMap((place) => {
        const [start, end] = typeof place === "number" ? [place, place] : place;
        return [cite(file, start, end, range(start, end)), " "];
      });
      box.append(make("div", { class: "group" }, make("code", {}, path(file)), make("span", {}, ...buttons)));
    }
  }

  // Tables: sorted by a column, filtered by text, shown in portions.
  const PORTION = 200;
  function grid(columns, rows, draw, note = "") {
    const input = make("input", { type: "search", placeholder: "filter rows", "aria-label": "Filter rows" });
    const count = make("span", { class: "soft", "aria-live": "polite" });
    const heads = columns.map((name, at) => make("th", { scope: "col" }, button(name, `Sort by ${name}`, () => sort(at))));
    const body = make("tbody");
    let kept = rows, column = -1, falling = false, shown = PORTION;
    const texts = rows.map((row) => row.map((cell) => String(cell)).join(" ").toLowerCase());
    const fill = () => {
      body.replaceChildren(...kept.slice(0, shown).map((row) => make("tr", {}, ...draw(row))));
      if (kept.length > shown) {
        const cell = make("td", { colspan: String(columns.length) }, button(`show ${Math.min(PORTION, kept.length - shown)} more of ${kept.length}`, "Show more rows", () => { shown += PORTION; fill(); }));
        body.append(make("tr", { class: "more" }, cell));
      }
      count.textContent = kept.length === rows.length ? `${rows.length} rows${note}` : `${kept.length} of ${rows.length} rows`;
    };
    const apply = () => {
      const words = input.value.toLowerCase().split(/\s+/).filter(Boolean);
      kept = rows.filter((_, at) => words.every((word) => texts[at].includes(word)));
      if (column >= 0) {
        const sign = falling ? -1 : 1;
        kept.sort((a, b) => sign * (typeof a[column] === "number" && typeof b[column] === "number" ? a[column] - b[column] : String(a[column]).localeCompare(String(b[column]))));
      }
      shown = PORTION;
      fill();
    };
    const sort = (at) => {
      falling = column === at && !falling;
      column = at;
      heads.forEach((head, number) => head.setAttribute("aria-sort", number !== at ? "none" : falling ? "descending" : "ascending"));
      heads.forEach((head, number) => { head.firstChild.textContent = columns[number] + (number !== at ? "" : falling ? " ↓" : " ↑"); });
      apply();
    };
    input.addEventListener("input", apply);
    apply();
    return [make("div", { class: "tools" }, input, count), make("div", { class: "grid", tabindex: "0", role: "region", "aria-label": "Table" }, make("table", {}, make("thead", {}, make("tr", {}, ...heads)), body))];
  }

  function fillHits(box) {
    const { rows, total, unread } = data.tables[box.dataset.table];
    const named = rows.map(([file, start, end, symbol, text]) => [path(file), start, symbol, text, file, end]);
    const draw = ([name, start, symbol, text, file, end]) => [
      make("td", {}, typeof file === "number" ? cite(file, start, end, name) : name), make("td", { class: "num" }, range(start, end)), make("td", {}, symbol), make("td", { class: "text" }, text)];
    box.append(...grid(["file", "lines", "in", "hit"], named, draw, total > rows.length ? ` of ${total}; the others stand in answers.json` : ""));
    for (const [name, reason] of unread) box.append(make("p", { class: "soft" }, `not read: ${name}: ${reason}`));
  }

  function fillFiles(box) {
    const states = new Map(all("#map rect[data-f]").map((rect) => [Number(rect.dataset.f), rect.classList[0]]));
    const rows = data.files.map(([name, language, total], file) => [name, language, total, states.get(file) || "", new Set(data.cites[file].flatMap((place) => place.slice(2))).size, data.cites[file].length, file]);
    const draw = ([name, language, total, state, answers, number, file]) => [
      make("td", {}, number ? cite(file, data.cites[file][0][0], data.cites[file][0][1], name) : name), make("td", {}, language), make("td", { class: "num" }, String(total)), make("td", {}, state), make("td", { class: "num" }, String(answers)), make("td", { class: "num" }, String(number))];
    box.append(...grid(["file", "language", "lines", "state", "answers", "places"], rows, draw));
  }

  function fillQueries(box) {
    const rows = data.tables.map(({ query, searched, total }, at) => [query, total, searched, at]);
    const place = make("div", { class: "table" });
    const open = (at) => { place.replaceChildren(make("h3", { class: "plain" }, make("code", {}, data.tables[at].query))); place.dataset.table = at; fillHits(place); place.scrollIntoView({ block: "nearest" }); };
    const draw = ([query, total, searched, at]) => [make("td", {}, button(query, "Open the table", () => open(at), { class: "c" })), make("td", { class: "num" }, String(total)), make("td", { class: "num" }, String(searched))];
    box.append(...grid(["query", "hits", "files searched"], rows, draw), place);
  }

  document.addEventListener("toggle", (event) => {
    const box = event.target;
    if (!box.open || box.dataset.filled) return;
    const fill = "more" in box.dataset ? fillPlaces : "table" in box.dataset ? fillHits : "files" in box.dataset ? fillFiles : "queries" in box.dataset ? fillQueries : null;
    if (fill) { box.dataset.filled = "yes"; fill(box); }
  }, true);

  // Pictures: neighbours light up, nodes open what they stand for, and the picture zooms.
  for (const svg of all(".graph svg")) {
    const box = svg.parentElement, width = svg.width.baseVal.value, height = svg.height.baseVal.value;
    let scale = 1;
    const zoom = (to) => { scale = Math.min(4, Math.max(0.15, to)); svg.setAttribute("width", width * scale); svg.setAttribute("height", height * scale); };
    const fit = (least = 0) => zoom(Math.max(least, Math.min(1, (box.clientWidth - 2) / width)));
    const tools = make("div", { class: "zoom" }, button("+", "Larger", () => zoom(scale * 1.25)), button("−", "Smaller", () => zoom(scale / 1.25)), button("⤢", "Fit the width", () => fit()));
    box.after(tools);
    box.addEventListener("wheel", (event) => { if (event.ctrlKey || event.metaKey) { event.preventDefault(); zoom(scale * (event.deltaY < 0 ? 1.15 : 1 / 1.15)); } }, { passive: false });
    drag(box);
    for (const node of all(".node", svg)) {
      const light = (on) => { svg.classList.toggle("lit", on); all(".on", svg).forEach((part) => part.classList.remove("on")); if (on) lightUp(svg, node); };
      node.addEventListener("pointerenter", () => light(true));
      node.addEventListener("pointerleave", () => light(false));
      node.addEventListener("focus", () => light(true));
      node.addEventListener("blur", () => light(false));
    }
    const fitWhenSeen = new ResizeObserver(() => { if (box.clientWidth) { if (width > box.clientWidth) fit(0.8); fitWhenSeen.disconnect(); } });
    fitWhenSeen.observe(box);
  }
  function lightUp(svg, node) {
    const on = new Set([node.dataset.n]);
    for (const edge of all("[data-a]", svg)) {
      if (edge.dataset.a !== node.dataset.n && edge.dataset.b !== node.dataset.n) continue;
      edge.classList.add("on");
      on.add(edge.dataset.a).add(edge.dataset.b);
    }
    for (const other of all(".node", svg)) if (on.has(other.dataset.n)) other.classList.add("on");
  }
  function drag(box) {
    let from = null;
    box.addEventListener("pointerdown", (event) => { if (event.pointerType === "mouse" && !event.target.closest("button, .node, .step")) from = [event.clientX + box.scrollLeft, event.clientY + box.scrollTop]; });
    box.addEventListener("pointermove", (event) => { if (from && event.buttons) { box.scrollLeft = from[0] - event.clientX; box.scrollTop = from[1] - event.clientY; } });
    addEventListener("pointerup", () => { from = null; });
  }
  for (const part of all(".node[data-f], .node[data-link], .step")) { part.setAttribute("tabindex", "0"); part.setAttribute("role", "button"); }

  function activate(element) {
    if (element.dataset.p) { openPlace(element.dataset.p, element); return true; }
    if (element.dataset.link) {
      const target = document.getElementById(element.dataset.link);
      if (target) { target.open = true; target.scrollIntoView({ block: "start" }); one("summary", target).focus({ preventScroll: true }); }
      return true;
    }
    if ("f" in element.dataset) {
      const file = Number(element.dataset.f), first = data.cites[file][0] || [1, 1];
      trail = [];
      show(file, first[0], first[1], element);
      return true;
    }
    return false;
  }
  document.addEventListener("click", (event) => {
    const target = event.target.closest("[data-p], .node[data-link], [data-f]");
    if (target) activate(target);
    if (event.target.closest("#nav a")) menu(false);
  });

  // Filter: answers whose text holds every word and whose status is chosen.
  const articles = all("main article");
  const texts = new Map();
  const input = one("#filter"), found = one("#found");
  function filter() {
    const words = input.value.toLowerCase().split(/\s+/).filter(Boolean);
    const statuses = new Set(all("input[name=status]:checked").map((box) => box.value));
    let count = 0;
    for (const article of articles) {
      if (!texts.has(article)) texts.set(article, article.textContent.toLowerCase());
      article.hidden = !statuses.has(article.dataset.status) || !words.every((word) => texts.get(article).includes(word));
      count += !article.hidden;
    }
    const narrowed = count < articles.length;
    for (const section of all("main > section")) section.hidden = section.matches(".stage") ? !one("article:not([hidden])", section) : words.length > 0;
    if (words.length) one("main article:not([hidden])")?.scrollIntoView({ block: "start" });
    found.textContent = narrowed || words.length ? `${count} of ${articles.length}` : "";
    mark(words);
  }
  function mark(words) {
    if (!globalThis.Highlight || !CSS.highlights) return;
    CSS.highlights.delete("found");
    if (!words.length) return;
    const ranges = [];
    for (const article of articles.filter((one) => !one.hidden)) {
      const walker = document.createTreeWalker(article, NodeFilter.SHOW_TEXT);
      for (let node; (node = walker.nextNode()) && ranges.length < 4000; ) {
        const text = node.data.toLowerCase();
        for (const word of words) for (let at = text.indexOf(word); at >= 0; at = text.indexOf(word, at + word.length)) {
          const place = new Range();
          place.setStart(node, at);
          place.setEnd(node, at + word.length);
          ranges.push(place);
        }
      }
    }
    CSS.highlights.set("found", new Highlight(...ranges));
  }
  let waiting = 0;
  input.addEventListener("input", () => { clearTimeout(waiting); waiting = setTimeout(filter, 120); });
  for (const box of all("input[name=status]")) box.addEventListener("change", filter);

  // Theme, menu, help, keys.
  const theme = one("#theme");
  const themed = (name) => { if (name) root.dataset.theme = name; };
  themed(store.get("deposition-theme"));
  theme.addEventListener("click", () => {
    const dark = root.dataset.theme ? root.dataset.theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
    themed(dark ? "light" : "dark");
    store.set("deposition-theme", root.dataset.theme);
  });
  const menuButton = one("#menu");
  const menu = (open) => { root.classList.toggle("menu", open); menuButton.setAttribute("aria-expanded", String(open)); };
  menuButton.addEventListener("click", () => menu(!root.classList.contains("menu")));
  const help = one("#help");
  const KEYS = [["/", "filter the answers"], ["j  k", "next, previous question"], ["Enter", "open the citation in focus"], ["[  ]", "previous, next citation of the answer"], ["Esc", "close the source, the contents, the filter"], ["t", "dark or light"], ["?", "this list"]];
  help.append(make("h2", { id: "help-title" }, "Keys"), make("dl", {}, ...KEYS.flatMap(([key, what]) => [make("dt", {}, key), make("dd", {}, what)])), button("Close", "Close", () => help.close()));
  one("#keys").addEventListener("click", () => help.showModal());

  let current = -1;
  function walk(by) {
    const visible = articles.filter((article) => !article.hidden);
    const top = scrollY + 80;
    let at = visible.indexOf(articles[current]);
    if (at < 0) at = visible.findIndex((article) => article.getBoundingClientRect().top + scrollY > top) - (by > 0 ? 1 : 0);
    const next = visible[Math.min(visible.length - 1, Math.max(0, at + by))];
    if (!next) return;
    if (articles[current]) articles[current].classList.remove("current");
    current = articles.indexOf(next);
    next.classList.add("current");
    next.scrollIntoView({ block: "start" });
    next.focus({ preventScroll: true });
  }
  document.addEventListener("keydown", (event) => {
    if (event.key === "Escape") {
      if (help.open) return;
      if (!pane.hidden) hide();
      else if (root.classList.contains("menu")) { menu(false); menuButton.focus(); }
      else if (input.value) { input.value = ""; filter(); }
      return;
    }
    const editing = event.target.closest("input, textarea, select, dialog");
    if ((event.key === "Enter" || event.key === " ") && event.target.closest("svg [role=button]")) { event.preventDefault(); activate(event.target); return; }
    if (editing || event.ctrlKey || event.metaKey || event.altKey) return;
    const act = { "/": () => input.focus(), j: () => walk(1), k: () => walk(-1), "[": () => step(-1), "]": () => step(1), t: () => theme.click(), "?": () => help.showModal() }[event.key];
    if (act) { event.preventDefault(); act(); }
  });

  // The contents show where the reader is.
  const links = new Map(all("#nav .stages a").map((link) => [link.getAttribute("href").slice(1), link]));
  const seen = new IntersectionObserver((entries) => {
    for (const entry of entries) if (entry.isIntersecting && links.has(entry.target.id)) {
      links.forEach((link) => link.removeAttribute("aria-current"));
      links.get(entry.target.id).setAttribute("aria-current", "location");
    }
  }, { rootMargin: "-10% 0px -80% 0px" });
  all("main > section").forEach((section) => seen.observe(section));

  for (const pre of all("pre.code")) {
    let open = "";
    const lines = pre.textContent.split("\n").map((line) => { let nodes; [nodes, open] = coloured(line, pre.dataset.language, open); return nodes; });
    pre.replaceChildren(...lines.flatMap((nodes, at) => (at ? ["\n", ...nodes] : nodes)));
  }
  addEventListener("beforeprint", () => all("article .rest").forEach((box) => { box.open = true; }));
})();
