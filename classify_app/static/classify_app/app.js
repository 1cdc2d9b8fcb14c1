// Progressive enhancement: every page works without it.
"use strict";

document.documentElement.classList.add("js");

const form = document.querySelector("[data-upload]");
if (form) {
  const input = form.querySelector("input[type=file]");
  const drop = form.querySelector(".drop");
  const button = form.querySelector("button");
  const chosen = form.querySelector("[data-chosen]");
  const showCount = () => {
    const count = input.files.length;
    chosen.textContent = count > 1 ? `${count} pictures chosen` : "";
  };
  input.addEventListener("change", showCount);
  for (const type of ["dragover", "dragleave", "drop"]) {
    drop.addEventListener(type, (event) => {
      event.preventDefault();
      drop.classList.toggle("over", type === "dragover");
    });
  }
  drop.addEventListener("drop", (event) => {
    input.files = event.dataTransfer.files;
    showCount();
  });
  form.addEventListener("submit", () => {
    button.disabled = true;
    button.textContent = "Uploading …";
  });
  // The browser's back button restores the page as it was left, with the button disabled.
  addEventListener("pageshow", () => {
    button.disabled = false;
    button.textContent = "Classify";
  });
}

async function refresh() {
  const shown = document.getElementById("results");
  if (!shown || shown.dataset.pending === "0") return;
  try {
    const response = await fetch(location.href, { headers: { Accept: "text/html" } });
    if (response.ok) {
      const page = new DOMParser().parseFromString(await response.text(), "text/html");
      shown.replaceWith(page.getElementById("results"));
      document.title = page.title;
    }
  } catch {
    // The network is unavailable; the next attempt may succeed.
  }
  setTimeout(refresh, 1000 * shown.dataset.refreshSeconds);
}
const results = document.getElementById("results");
if (results) setTimeout(refresh, 1000);
