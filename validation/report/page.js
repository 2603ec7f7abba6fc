"use strict";
// Contents, definitions on focus and touch, keyboard for wide tables, and print.
(() => {
  const narrow = window.matchMedia("(max-width: 1099px)");
  const contents = document.querySelector("nav.contents details");
  const links = Array.from(contents.querySelectorAll("a"));
  const sections = links.map((link) => document.getElementById(link.hash.slice(1)));
  const here = document.getElementById("here");

  const fold = () => { contents.open = !narrow.matches; };
  narrow.addEventListener("change", fold);
  fold();
  links.forEach((link) => link.addEventListener("click", () => { if (narrow.matches) contents.open = false; }));

  // The section that reaches across the upper third of the window is the one being read.
  const mark = () => {
    const line = window.innerHeight / 3;
    const atEnd = window.innerHeight + window.scrollY >= document.documentElement.scrollHeight - 2;
    let current = -1;
    sections.forEach((section, k) => { if (section.getBoundingClientRect().top <= line) current = k; });
    if (atEnd && window.scrollY > 0) current = sections.length - 1;
    links.forEach((link, k) => {
      if (k === current) link.setAttribute("aria-current", "location"); else link.removeAttribute("aria-current");
    });
    here.textContent = current < 0 ? "" : ": " + links[current].textContent;
  };
  let waiting = false;
  const later = () => {
    if (waiting) return;
    waiting = true;
    setTimeout(() => { waiting = false; mark(); }, 60);
  };
  window.addEventListener("scroll", later, { passive: true });
  window.addEventListener("resize", later);
  mark();

  // A definition shows on pointing, on keyboard focus and on a touch; Escape takes it away.
  const tip = document.createElement("div");
  tip.id = "definition";
  tip.setAttribute("role", "tooltip");
  tip.hidden = true;
  document.body.append(tip);
  let shownFor = null;
  document.querySelectorAll("abbr[title], .digest[title], [data-tip]").forEach((element) => {
    if (element.title) { element.dataset.tip = element.title; element.removeAttribute("title"); }
    element.tabIndex = 0;
  });

  const words = (element) => element.textContent.replace(/\s+/g, " ").trim();
  const head = (cell) => words(cell.querySelector("[data-tip]") || cell);
  // A number in a table is told by the heads of its row and column.
  const ofCell = (cell) => {
    const row = cell.parentElement.querySelector("th"), table = cell.closest("table");
    if (!row || !table.tHead || !words(cell)) return "";
    const group = cell.closest("tbody").querySelector("tr.group th");
    const column = table.tHead.rows[table.tHead.rows.length - 1].cells[cell.cellIndex];
    const parts = [group ? words(group.firstChild) : "", head(row), column ? words(column) : ""].filter(Boolean);
    const told = [row, column].map((head) => head && head.querySelector("[data-tip]")).filter(Boolean);
    return [parts.join(", ") + ": " + words(cell), ...told.map((t) => t.dataset.tip)].join("\n");
  };
  const textOf = (element) => element.dataset.tip || (element.tagName === "TD" ? ofCell(element) : "");
  const target = (node) => node instanceof Element ? node.closest("[data-tip], td.n") : null;

  const hide = () => {
    if (shownFor) shownFor.removeAttribute("aria-describedby");
    shownFor = null;
    tip.hidden = true;
  };
  const show = (element) => {
    const text = textOf(element);
    if (!text) return;
    hide();
    shownFor = element;
    tip.textContent = text;
    tip.hidden = false;
    element.setAttribute("aria-describedby", "definition");
    place();
  };
  const place = () => {
    const box = shownFor.getBoundingClientRect(), width = document.documentElement.clientWidth;
    tip.style.left = Math.max(8, Math.min(box.left, width - tip.offsetWidth - 8)) + "px";
    const above = box.top - tip.offsetHeight - 8;
    tip.style.top = (above > 4 ? above : box.bottom + 8) + "px";
  };
  document.addEventListener("mouseover", (event) => {
    if (tip.contains(event.target)) return;
    const element = target(event.target);
    if (element) show(element); else if (!shownFor || shownFor !== document.activeElement) hide();
  });
  document.addEventListener("focusin", (event) => {
    const element = target(event.target);
    if (element && element === event.target) show(element); else hide();
  });
  document.addEventListener("focusout", hide);
  document.addEventListener("click", (event) => { const element = target(event.target); if (element) show(element); });
  document.addEventListener("keydown", (event) => { if (event.key === "Escape") hide(); });
  // A focus may scroll the page to what it is on: its definition goes along.
  const follow = () => { if (shownFor && shownFor === document.activeElement) place(); else hide(); };
  window.addEventListener("scroll", follow, { passive: true, capture: true });

  // What scrolls sideways can be reached and scrolled by keyboard.
  const reach = () => document.querySelectorAll(".wide").forEach((wide) => {
    if (wide.scrollWidth <= wide.clientWidth + 1) { wide.removeAttribute("tabindex"); return; }
    const caption = wide.querySelector("caption") || wide.closest("section").querySelector("h2");
    wide.tabIndex = 0;
    wide.setAttribute("role", "region");
    wide.setAttribute("aria-label", words(caption));
  });
  window.addEventListener("resize", reach);
  reach();

  // On paper everything is open and figures are as wide as the page.
  const figures = () => Array.from(document.querySelectorAll(".js-plotly-plot"));
  const redraw = () => { if (window.Plotly) figures().forEach((figure) => Plotly.relayout(figure, { autosize: true })); };
  let opened = [];
  window.addEventListener("beforeprint", () => {
    hide();
    opened = Array.from(document.querySelectorAll("main details:not([open]):not([data-print=closed])"));
    opened.forEach((details) => { details.open = true; });
    document.documentElement.classList.add("printing");
    redraw();
  });
  window.addEventListener("afterprint", () => {
    opened.forEach((details) => { details.open = false; });
    document.documentElement.classList.remove("printing");
    redraw();
  });
})();
