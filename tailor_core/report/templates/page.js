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

  // The graph of the stages: pointing at one shows its lines, choosing one shows what is known of it.
  for (const web of document.querySelectorAll(".web")) {
    const boxes = [...web.querySelectorAll(".box")];
    const lines = [...web.querySelectorAll(".line")];
    let chosen = "";
    const show = (stage) => {
      const near = new Set();
      for (const line of lines) {
        const { source, made } = line.dataset;
        const touches = source === stage || made === stage;
        line.classList.toggle("near", touches);
        if (touches) near.add(source).add(made);
      }
      for (const box of boxes) {
        box.classList.toggle("near", near.has(box.dataset.stage));
        box.classList.toggle("chosen", box.dataset.stage === chosen);
      }
    };
    for (const box of boxes) {
      const stage = box.dataset.stage;
      for (const event of ["pointerenter", "focus"]) box.addEventListener(event, () => show(stage));
      for (const event of ["pointerleave", "blur"]) box.addEventListener(event, () => show(chosen));
      box.addEventListener("click", (event) => {
        event.preventDefault();
        chosen = stage;
        for (const about of web.querySelectorAll("details")) about.open = about.dataset.about === stage;
        show(stage);
      });
    }
  }
})();
