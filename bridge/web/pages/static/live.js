// Keeps a page as the server has it: one stream of events, and what an event is about is fetched anew.
// A page says in data-kinds of its body what it is about ("build delivery notice"), and in data-ids, where it
// is about some only, their ids. Parts with data-live are replaced; rows below data-rows are replaced where
// they stand, and new ones are only counted: no row moves under a reader's finger.
(function () {
  "use strict";

  var QUIET_MS = 20000;
  var AGAIN_MS = 1000;
  var REST_MS = 250;
  var POLL_MS = 10000;
  var body = document.body;
  var kinds = (body.dataset.kinds || "").split(" ").filter(Boolean);
  var ids = (body.dataset.ids || "").split(" ").filter(Boolean);
  var skew = Number(body.dataset.now) * 1000 - Date.now();
  var seq = Number(body.dataset.seq);
  var status = document.getElementById("live");
  var source = null;
  var paused = false;
  var ended = false;
  var heardAt = Date.now();
  var fetching = false;
  var wanted = false;
  var fetchedAt = 0;
  var rest = REST_MS;
  var failures = 0;
  var retry = null;

  function say(state) {
    if (!status) { return; }
    var text = status.getAttribute("data-text-" + state);
    var shown = document.getElementById("live-state");
    status.hidden = false;
    if (shown.textContent !== text) { shown.textContent = text; }
  }

  function replace(fresh) {
    document.title = fresh.title;
    var icon = document.getElementById("icon");
    var other = fresh.getElementById("icon");
    if (icon && other && icon.getAttribute("href") !== other.getAttribute("href")) {
      icon.setAttribute("href", other.getAttribute("href"));
    }
    fresh.querySelectorAll("[data-live][id]").forEach(function (part) {
      var old = document.getElementById(part.id);
      if (old && old.innerHTML !== part.innerHTML && !old.contains(document.activeElement)) {
        old.replaceWith(part);
        refine(part);
      }
    });
    fresh.querySelectorAll("[data-rows]").forEach(replaceRows);
  }

  function replaceRows(part) {
    var old = document.getElementById(part.id);
    if (!old) { return; }
    var fresh = 0;
    part.querySelectorAll("tr[id]").forEach(function (row) {
      var known = document.getElementById(row.id);
      if (!known) {
        fresh += 1;
      } else if (known.innerHTML !== row.innerHTML && !known.contains(document.activeElement)) {
        row.querySelectorAll("input[type=checkbox]").forEach(function (box) {
          var before = known.querySelector("input[value='" + box.value + "']");
          if (before) { box.checked = before.checked; }
        });
        row.classList.add("changed");
        known.replaceWith(row);
        refine(row);
      }
    });
    showNew(old, fresh);
  }

  function showNew(part, count) {
    var bar = document.getElementById("new-rows");
    if (!count || location.search.match(/[?&](before|after|page)=/)) { return; }
    if (!bar) {
      bar = document.createElement("a");
      bar.id = "new-rows";
      bar.className = "newer-bar notice";
      bar.href = location.pathname + location.search;
      part.parentNode.insertBefore(bar, part);
    }
    bar.textContent = body.dataset.new.replace("{n}", count);
  }

  function refresh() {
    if (ended) { return; }
    if (fetching || document.hidden || paused) { wanted = true; return; }
    var begun = Date.now();
    fetching = true;
    wanted = false;
    fetch(location.href, { credentials: "same-origin", headers: { Accept: "text/html" } }).then(function (answer) {
      if (answer.redirected) { leave(); return null; }
      if (!answer.ok) { throw new Error(String(answer.status)); }
      return answer.text();
    }).then(function (text) {
      if (text === null) { return; }
      var fresh = new DOMParser().parseFromString(text, "text/html");
      if (body.dataset.reader && fresh.body.dataset.reader !== body.dataset.reader) { leave(); return; }
      skew = Number(fresh.body.dataset.now) * 1000 - Date.now();
      seq = Math.max(seq, Number(fresh.body.dataset.seq));
      replace(fresh);
      document.dispatchEvent(new CustomEvent("bridge:fresh", { detail: fresh }));
    }).catch(function () { say("reconnecting"); }).then(function () {
      fetching = false;
      fetchedAt = Date.now();
      // A server that many pages ask, or a slow line, gets more time in between.
      rest = Math.max(REST_MS, 4 * (fetchedAt - begun));
      if (wanted) { setTimeout(refresh, rest); }
    });
  }

  // The sign-in has ended: what stands here grows old. Public pages and streams are there without one, too.
  function leave() {
    ended = true;
    close();
    say("ended");
    document.getElementById("live-switch").hidden = true;
  }

  function soon() {
    if (wanted) { return; }
    wanted = true;
    setTimeout(function () { if (wanted) { refresh(); } }, Math.max(50, fetchedAt + rest - Date.now()));
  }

  function onEvent(event) {
    heardAt = Date.now();
    failures = 0;
    seq = Math.max(seq, Number(event.lastEventId));
    var data = JSON.parse(event.data);
    if (!ids.length || ids.indexOf(data.id) >= 0 || (data.kind === "notice" && kinds.indexOf("notice") >= 0)) { soon(); }
  }

  function close() {
    if (source) { source.close(); source = null; }
    clearTimeout(retry);
  }

  function open() {
    close();
    if (ended || paused || document.hidden || !kinds.length) { return; }
    if (!window.EventSource) { say("polling"); return; }
    source = new EventSource("/v1/events?ping=true&after=" + seq);
    source.addEventListener("ping", function () { heardAt = Date.now(); });
    source.onopen = function () {
      if (failures) { refresh(); }
      failures = 0;
      heardAt = Date.now();
      say("live");
    };
    source.onerror = function () {
      say("reconnecting");
      close();
      failures = Math.min(failures + 1, 5);
      retry = setTimeout(open, AGAIN_MS * (0.5 + Math.random()) * failures);
    };
    kinds.forEach(function (kind) { source.addEventListener(kind, onEvent); });
  }

  function comeBack() {
    if (document.hidden) { close(); return; }
    open();
    if (kinds.length && !paused) { refresh(); }
  }

  function count() {
    var now = (Date.now() + skew) / 1000;
    document.querySelectorAll(".elapsed").forEach(function (part) {
      var text = words(Math.max(0, Math.floor(now - Number(part.dataset.since))));
      if (part.textContent !== text) { part.textContent = text; }
    });
  }

  // The units stand in the page in its language: "3 min 12 s".
  function words(seconds) {
    var unit = body.dataset.units.split("|");
    var sizes = [86400, 3600, 60, 1];
    var parts = [];
    sizes.forEach(function (size, index) {
      var number = Math.floor(seconds / size);
      seconds -= number * size;
      if (number || parts.length || size === 1) { parts.push([unit[index].replace("{n}", number), number]); }
    });
    return parts.slice(0, 2).filter(function (one, index) { return one[1] || !index; }).map(function (one) { return one[0]; }).join(" ");
  }

  // As the server writes them, in the zone of the reader.
  function refine(part) {
    if (body.dataset.times === "server") { return; }
    var year = new Date(Date.now() + skew).getFullYear();
    part.querySelectorAll("time[datetime]").forEach(function (time) {
      var at = new Date(time.getAttribute("datetime"));
      if (isNaN(at)) { return; }
      var day = [two(at.getMonth() + 1), two(at.getDate())].join("-");
      var clock = [at.getHours(), at.getMinutes(), at.getSeconds()].map(two).join(":");
      time.textContent = (at.getFullYear() === year ? "" : at.getFullYear() + "-") + day + " " + clock;
    });
  }

  function two(number) {
    return (number < 10 ? "0" : "") + number;
  }

  function sayZone() {
    var zone = document.getElementById("zone");
    if (zone.dataset.reader) { zone.textContent = zone.dataset.reader; }
  }

  function poll() {
    if (!kinds.length || ended || paused || document.hidden) { return; }
    var open = source && source.readyState === 1;
    if (!open) { say(window.EventSource ? "reconnecting" : "polling"); }
    if (!open || Date.now() - heardAt > QUIET_MS) { heardAt = Date.now(); refresh(); }
  }

  // A second click on a button would send its form twice.
  document.addEventListener("submit", function (event) {
    if (event.target.method !== "post") { return; }
    setTimeout(function () {
      event.target.querySelectorAll("button").forEach(function (button) { button.disabled = true; });
    }, 0);
  });
  window.addEventListener("pageshow", function (event) {
    if (event.persisted) {
      document.querySelectorAll("button[disabled]").forEach(function (button) { button.disabled = false; });
      comeBack();
    }
  });

  refine(document);
  sayZone();
  setInterval(count, 1000);
  if (!kinds.length) { return; }
  var button = document.getElementById("live-switch");
  button.addEventListener("click", function () {
    paused = !paused;
    button.textContent = paused ? button.dataset.resume : button.dataset.pause;
    if (paused) { close(); say("paused"); } else { comeBack(); }
  });
  document.addEventListener("visibilitychange", comeBack);
  window.addEventListener("online", comeBack);
  window.addEventListener("pagehide", close);
  setInterval(poll, POLL_MS);
  open();
}());
