// The keys of the page on which one ticket is decided. What they do is in buttons and a form, for those who use a mouse.
(() => {
  "use strict";

  const one = (selector) => document.querySelector(selector);
  const typing = (element) => element.matches("input:not([type=hidden]), textarea, select");
  let busy = false;

  const tell = (text) => {
    const trouble = one("#trouble");
    if (!trouble) return;
    trouble.textContent = text;
    trouble.hidden = !text;
  };

  const choose = (button) => {
    const form = one("#decision");
    form.elements.cause.value = button.dataset.cause;
    one("#chosen").textContent = `${button.dataset.typeName} / ${button.dataset.name}`;
    for (const other of document.querySelectorAll("button.on[data-cause]")) other.classList.remove("on");
    button.classList.add("on");
    tell("");
    const corrects = form.dataset.suggested !== "" && button.dataset.cause !== form.dataset.suggested;
    one("#correction").hidden = !corrects;
    for (const name of ["rule", "note"]) form.elements[name].required = corrects;
    if (corrects) {
      form.elements.rule.value = button.dataset.rule;
      form.elements.note.focus();
    } else {
      form.elements.second_cause.value = "";
      form.elements.rule.value = "";
      form.elements.note.value = "";
      document.activeElement.blur();
    }
  };

  const submit = () => {
    const form = one("#decision");
    if (!form || busy) return;
    if (form.elements.cause.value === "") {
      tell(one("#desk").dataset.choose);
      return;
    }
    form.requestSubmit();
  };

  const found = () => [...document.querySelectorAll("#found button")];

  const step = (by) => {
    const buttons = found();
    if (!buttons.length) return;
    const at = buttons.findIndex((button) => button.classList.contains("at"));
    buttons.forEach((button) => button.classList.remove("at"));
    buttons[(at + by + buttons.length) % buttons.length].classList.add("at");
  };

  const leave = () => {
    const search = one("#search");
    if (!search) return;
    search.value = "";
    search.blur();
    one("#found").replaceChildren();
    one("#types")?.classList.remove("passed");
  };

  const inSearch = (event) => {
    if (event.key === "ArrowDown") step(1);
    else if (event.key === "ArrowUp") step(-1);
    else if (event.key === "Enter") {
      const button = one("#found button.at") || found()[0];
      if (button) choose(button);
    } else if (event.key === "Escape") leave();
    else return;
    event.preventDefault();
  };

  const inField = (event) => {
    if (event.key === "Enter" && event.target.matches("input")) submit();
    else if (event.key === "Escape") event.target.blur();
    else return;
    event.preventDefault();
  };

  // Read blind, a first number chooses the type and a second one the cause below it.
  const number = (key) => {
    const list = one("#choices") ? "#choices" : found().length ? "#found" : "#types";
    one(`${list} [data-key="${key}"]`)?.click();
  };

  const keys = {
    Enter: submit,
    u: () => one("#undo")?.click(),
    s: () => one("#skip")?.click(),
    "?": () => one("#keys").showModal(),
    "/": () => one("#search")?.focus(),
    ArrowDown: () => step(1),
    ArrowUp: () => step(-1),
    Escape: leave,
  };

  document.addEventListener("keydown", (event) => {
    // An input method that is composing a word uses these keys itself.
    if (event.isComposing || event.ctrlKey || event.metaKey || event.altKey || one("#keys").open) return;
    if (event.target.id === "search") return inSearch(event);
    if (typing(event.target)) return inField(event);
    if (event.target.matches("button, a, summary") && ["Enter", " "].includes(event.key)) return;
    if (event.repeat && !event.key.startsWith("Arrow")) return;
    if (/^[1-9]$/.test(event.key)) number(event.key);
    else if (keys[event.key] && !(event.target.id === "narrative" && event.key.startsWith("Arrow") && !found().length)) {
      keys[event.key]();
    } else return;
    event.preventDefault();
  });

  document.addEventListener("click", (event) => {
    const button = event.target.closest("button");
    if (!button) return;
    if (button.dataset.cause) choose(button);
    else if (button.id === "help") one("#keys").showModal();
    else if (button.dataset.type) {
      for (const other of document.querySelectorAll("#types button.on")) other.classList.remove("on");
      button.classList.add("on");
      one("#types").classList.add("passed");
      button.blur();
    }
  });

  // While a request for another ticket is on its way, nothing else is sent.
  const moves = (event) => event.detail.requestConfig?.verb === "post";
  document.addEventListener("htmx:beforeRequest", (event) => {
    if (!moves(event)) return;
    if (busy) event.preventDefault();
    busy = true;
    tell("");
  });
  // The form of the next ticket works once htmx has taken it up, a moment after it is there.
  const ready = () => {
    busy = false;
    one("#desk")?.setAttribute("data-ready", "");
  };
  document.addEventListener("htmx:afterSettle", ready);
  document.addEventListener("htmx:load", ready);
  document.addEventListener("submit", (event) => {
    if (event.target.id === "decision" && !event.defaultPrevented) event.preventDefault();
  });
  // Only what the server has answered for is saved; whatever else happened, the form is still there.
  const unsaved = (event) => {
    if (!moves(event)) return;
    busy = false;
    tell(one("#desk").dataset.unsaved);
  };
  for (const name of ["htmx:sendError", "htmx:timeout", "htmx:responseError"]) document.addEventListener(name, unsaved);
  document.addEventListener("htmx:beforeSwap", (event) => {
    if (event.detail.xhr.status === 409) {
      event.detail.shouldSwap = true;
      event.detail.isError = false;
    }
  });
})();
