// Buttons that copy a text: the script makes them, for without it they could do nothing.
(function () {
  "use strict";

  document.querySelectorAll("[data-copy]").forEach(function (part) {
    var source = part.querySelector("input, code");
    var button = document.createElement("button");
    button.type = "button";
    button.className = "plain copy";
    button.textContent = part.dataset.copy;

    function select() {
      if (source.select) { source.select(); return; }
      window.getSelection().selectAllChildren(source);
    }

    button.addEventListener("click", function () {
      var text = source.select ? source.value : source.textContent;
      select();
      var copied = navigator.clipboard
        ? navigator.clipboard.writeText(text)
        : (document.execCommand("copy") ? Promise.resolve() : Promise.reject());
      copied.then(function () { button.textContent = part.dataset.copied; }, select);
    });
    part.appendChild(button);
  });
}());
