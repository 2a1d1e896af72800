"use strict";
// Shows only the calls and schemas that contain what is typed, and opens the one that the address names.
const calls = [...document.querySelectorAll(".call")].map((element) => [element, element.textContent.toLowerCase()]);
const filter = document.getElementById("filter");
const found = document.getElementById("found");
filter.addEventListener("input", () => {
  const words = filter.value.toLowerCase().split(/\s+/).filter(Boolean);
  let count = 0;
  for (const [element, text] of calls) {
    element.hidden = !words.every((word) => text.includes(word));
    count += element.hidden ? 0 : 1;
  }
  found.textContent = words.length === 0 ? "" : `${count} found`;
});
const open = () => {
  const target = document.getElementById(decodeURIComponent(location.hash.slice(1)));
  if (target instanceof HTMLDetailsElement) target.open = true;
};
addEventListener("hashchange", open);
open();
