// A time in a form is one of the zone in which the page shows times, and is sent with its zone.
(function () {
  "use strict";

  var MINUTE_MS = 60000;
  if (document.body.dataset.times === "server") { return; }
  document.querySelectorAll("input[type=datetime-local]").forEach(function (field) {
    var sent = document.createElement("input");
    var hint = document.getElementById(field.id + "-hint");
    if (field.dataset.at) {
      var at = new Date(field.dataset.at);
      field.value = new Date(at - at.getTimezoneOffset() * MINUTE_MS).toISOString().slice(0, 19);
    }
    if (hint) { hint.textContent = field.dataset.zone; }
    sent.type = "hidden";
    sent.name = field.name;
    field.removeAttribute("name");
    field.form.appendChild(sent);
    field.form.addEventListener("submit", function () {
      var chosen = new Date(field.value);
      sent.value = isNaN(chosen) ? "" : chosen.toISOString();
    });
  });
}());
