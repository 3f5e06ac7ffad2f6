"use strict";
(() => {
  document.documentElement.classList.add("scripted");

  // Arms: every legend shows the same state, and everything of an arm that is off is hidden.
  const buttons = [...document.querySelectorAll(".arm")];
  for (const button of buttons) {
    button.addEventListener("click", () => {
      const { group } = button.dataset;
      const on = button.getAttribute("aria-pressed") !== "true";
      for (const twin of buttons) {
        if (twin.dataset.group === group) twin.setAttribute("aria-pressed", String(on));
      }
      for (const part of document.getElementsByClassName(group)) part.classList.toggle("off", !on);
    });
  }

  // The same figures several ways: one is shown.
  for (const block of document.querySelectorAll(".switch")) {
    const choices = [...block.querySelectorAll(".choice")];
    const ways = [...block.querySelectorAll(".way")];
    const choose = (chosen) => {
      choices.forEach((choice, place) => choice.setAttribute("aria-pressed", String(place === chosen)));
      ways.forEach((way, place) => way.classList.toggle("hidden", place !== chosen));
    };
    choices.forEach((choice, place) => choice.addEventListener("click", () => choose(place)));
    choose(0);
  }

  // Tables: a heading sorts by its column, first the largest figures; what has no figure stays below.
  const order = (one, other) => {
    const [a, b] = [Number(one), Number(other)];
    return Number.isNaN(a) || Number.isNaN(b) ? one.localeCompare(other) : a - b;
  };
  for (const table of document.querySelectorAll("table.study")) {
    const body = table.tBodies[0];
    [...table.tHead.rows[0].cells].forEach((head, place) => {
      const button = document.createElement("button");
      button.type = "button";
      button.className = "sort";
      button.append(...head.childNodes);
      head.append(button);
      button.addEventListener("click", () => {
        const first = head.classList.contains("number") ? "descending" : "ascending";
        const second = first === "ascending" ? "descending" : "ascending";
        const way = head.getAttribute("aria-sort") === first ? second : first;
        for (const other of table.tHead.rows[0].cells) other.removeAttribute("aria-sort");
        head.setAttribute("aria-sort", way);
        const turn = way === "ascending" ? 1 : -1;
        const value = (row) => row.cells[place].dataset.value;
        const rows = [...body.rows].sort((one, other) => {
          const [a, b] = [value(one), value(other)];
          if (a === undefined || b === undefined) return (a === undefined) - (b === undefined);
          return turn * order(a, b);
        });
        body.append(...rows);
      });
    });
  }

  // A link into what is folded opens it.
  const reveal = () => {
    const target = document.getElementById(decodeURIComponent(location.hash.slice(1)));
    const fold = target && target.closest("details");
    if (fold) {
      fold.open = true;
      target.scrollIntoView();
    }
  };
  addEventListener("hashchange", reveal);
  reveal();
})();
