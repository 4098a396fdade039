// The dialog that asks for a name, on the image page and among suspects.
"use strict";

const naming = document.querySelector("#naming");

// Asks for a name. kind: "label" or "text", null where a person says which. Resolves to [kind, name], or to null.
function ask(question, was, kind) {
  const form = naming.querySelector("form");
  naming.querySelector("label span").textContent = question;
  form.elements.name.value = was ?? "";
  form.elements.on.value = kind ?? "label";
  naming.querySelector("fieldset").hidden = kind !== null;
  naming.returnValue = "";
  naming.showModal();
  form.elements.name.select();
  return new Promise((resolve) => {
    naming.addEventListener("close", () => {
      const name = form.elements.name.value.trim();
      resolve(naming.returnValue === "save" && name ? [form.elements.on.value, name] : null);
    }, { once: true });
  });
}
