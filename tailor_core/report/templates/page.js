"use strict";
(() => {
  document.documentElement.classList.add("scripted");

  // The legend of the embedding map: chosen primitives stand out in both maps.
  for (const map of document.querySelectorAll(".map")) {
    const keys = [...map.querySelectorAll(".key")];
    const show = () => {
      const chosen = keys.filter((key) => key.getAttribute("aria-pressed") === "true");
      map.classList.toggle("choosing", chosen.length > 0);
      for (const key of keys) {
        for (const points of map.querySelectorAll(".group-" + key.dataset.group)) {
          points.classList.toggle("chosen", chosen.includes(key));
        }
      }
    };
    for (const key of keys) {
      key.addEventListener("click", () => {
        key.setAttribute("aria-pressed", String(key.getAttribute("aria-pressed") !== "true"));
        show();
      });
    }
  }

  // The section in view is marked in the navigation.
  const links = new Map([...document.querySelectorAll("nav a")].map((a) => [a.hash.slice(1), a]));
  const sections = [...document.querySelectorAll("main > section")];
  const mark = () => {
    const reached = sections.filter((s) => s.getBoundingClientRect().top < innerHeight / 3);
    const current = (reached[reached.length - 1] || sections[0] || {}).id;
    for (const [id, link] of links) {
      if (id === current) link.setAttribute("aria-current", "true");
      else link.removeAttribute("aria-current");
    }
  };
  addEventListener("scroll", mark, { passive: true });
  mark();

  // What is folded up would be missing on paper.
  addEventListener("beforeprint", () => {
    for (const part of document.querySelectorAll("details")) part.open = true;
  });
})();
