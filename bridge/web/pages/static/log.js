// The log of a build: it follows while the build runs and its end is in sight, takes in earlier lines where a
// reader asks for them, and makes links to lines. Without it every link of the page leads to the same lines.
(function () {
  "use strict";

  var LOOK_MS = 2000;
  var NEAR_PX = 60;
  var MOST_AT_ONCE = 1000;
  var MOST_LINES = 20000;
  var FIRST_COUNT = 500;
  var RANGE = /^#L([0-9]{1,9})(?:-L([0-9]{1,9}))?$/;
  var log = document.getElementById("log");
  if (!log) { return; }
  var next = Number(log.dataset.next);
  var first = Number(log.dataset.first);
  var total = Number(log.dataset.total);
  var shown = document.getElementById("shown");
  var earlier = document.getElementById("earlier");
  var ended = "ended" in log.dataset;
  var follows = !("later" in log.dataset);
  var busy = false;
  var taking = false;
  var from = 0;

  // `place` is "from=" or "before=" with the number of a line.
  function part(place, count) {
    var path = log.dataset.path + "&" + place + "&count=" + count;
    return fetch(path, { credentials: "same-origin" }).then(function (answer) {
      if (!answer.ok || answer.redirected) { throw new Error(String(answer.status)); }
      return answer.text();
    }).then(function (text) {
      return new DOMParser().parseFromString(text, "text/html").querySelector(".part");
    });
  }

  // Which lines of how many are there now, and whether there are earlier ones.
  function count(found) {
    total = Math.max(total, Number(found.dataset.total));
    var lines = log.querySelectorAll("code[id]");
    if (!lines.length) { return; }
    var marks = { first: lines[0].id.slice(1), last: lines[lines.length - 1].id.slice(1), total: total };
    shown.textContent = shown.dataset.text.replace(/\{(\w+)\}/g, function (_, name) { return marks[name]; });
    earlier.hidden = first <= 1;
  }

  // The address that shows the lines before the first one where they cannot be fetched.
  function lead() {
    var query = new URLSearchParams(window.location.search);
    ["done", "q", "lines"].forEach(function (name) { query.delete(name); });
    query.set("from", String(Math.max(1, first - FIRST_COUNT)));
    earlier.href = window.location.pathname + "?" + query + "#L" + first;
    earlier.dataset.count = String(FIRST_COUNT);
  }

  function endInSight() {
    return log.getBoundingClientRect().bottom <= window.innerHeight + NEAR_PX;
  }

  function append(found) {
    var empty = document.getElementById("no-log");
    if (empty) {
      empty.remove();
      document.getElementById("log-parts").hidden = false;
    }
    var sees = endInSight();
    var open = log.querySelector("code.open");
    if (open && found.querySelector("#" + open.id)) { open.remove(); }
    while (found.firstChild) { log.appendChild(found.firstChild); }
    if (sees) {
      while (next - first > MOST_LINES && log.children.length > 2) {
        log.removeChild(log.firstElementChild);
        var top = log.querySelector("code[id]");
        first = top ? Number(top.id.slice(1)) : first;
        lead();
      }
      window.scrollTo(0, window.pageYOffset + log.getBoundingClientRect().bottom - window.innerHeight + NEAR_PX / 2);
    }
  }

  // A reader who has paused the page has paused its log.
  function isPaused() {
    var button = document.getElementById("live-switch");
    return button !== null && button.textContent === button.dataset.resume;
  }

  // One part a frame: a browser that is behind is not given more.
  function look() {
    if (busy || document.hidden || !follows || isPaused()) { return; }
    busy = true;
    part("from=" + next, MOST_AT_ONCE).then(function (found) {
      var more = Number(found.dataset.next) - next;
      var has = found.querySelector("code");
      ended = "ended" in found.dataset;
      next = Number(found.dataset.next);
      if (has) { append(found); count(found); }
      busy = false;
      if (more >= MOST_AT_ONCE) { window.requestAnimationFrame(look); } else if (ended) { stop(); }
    }).catch(function () { busy = false; });
  }

  var timer = null;
  function stop() { clearInterval(timer); timer = null; follows = false; }
  if (follows && !ended) {
    timer = setInterval(look, LOOK_MS);
    document.addEventListener("visibilitychange", look);
  }
  document.addEventListener("bridge:fresh", function () { if (timer) { look(); } });

  // Earlier lines: twice as many with each click. What a reader looks at stays where it is.
  earlier.addEventListener("click", function (event) {
    event.preventDefault();
    if (taking) { return; }
    var wanted = Number(earlier.dataset.count);
    earlier.dataset.count = String(2 * wanted);
    takeIn(wanted);
  });

  function takeIn(wanted) {
    var size = Math.min(wanted, MOST_AT_ONCE, first - 1);
    if (size < 1) { earlier.hidden = true; return; }
    taking = true;
    part("before=" + first, size).then(function (found) {
      var place = log.firstElementChild;
      var top = place.getBoundingClientRect().top;
      // Browsers that keep the place by themselves would move it twice.
      document.documentElement.style.overflowAnchor = "none";
      var known = first;
      while (found.firstElementChild) {
        var block = found.firstElementChild;
        log.insertBefore(block, place);
      }
      first = Math.min(first, Number(found.dataset.first));
      window.scrollTo(0, window.pageYOffset + place.getBoundingClientRect().top - top);
      window.requestAnimationFrame(function () {
        window.requestAnimationFrame(function () { document.documentElement.style.overflowAnchor = ""; });
      });
      taking = false;
      if (wanted > size && first > 1 && first < known) { window.requestAnimationFrame(function () { takeIn(wanted - size); }); }
      count(found);
      earlier.hidden = earlier.hidden || first === known;
    }).catch(function () { window.location.assign(earlier.href); });
  }

  // Lines: a click picks one, with Shift those up to it.
  var picked = document.getElementById("picked");
  var link = document.getElementById("picked-link");

  function show(scroll) {
    var found = RANGE.exec(window.location.hash);
    if (!found) { return; }
    var begin = Number(found[1]);
    var end = Math.max(begin, Number(found[2] || begin));
    var line = document.getElementById("L" + begin);
    var wanted = begin === end ? String(begin) : begin + "-" + end;
    var query = new URLSearchParams(window.location.search);
    if (!line) {
      if (query.get("lines") !== wanted) {
        query.delete("from");
        query.set("lines", wanted);
        window.location.replace(window.location.pathname + "?" + query + window.location.hash);
      }
      return;
    }
    from = begin;
    log.querySelectorAll(".picked").forEach(function (one) { one.classList.remove("picked"); });
    for (var number = begin; number <= Math.min(end, begin + MOST_AT_ONCE); number += 1) {
      var one = document.getElementById("L" + number);
      if (one) { one.classList.add("picked"); }
    }
    query = new URLSearchParams(log.dataset.path.split("?")[1]);
    query.set("lines", wanted);
    link.value = window.location.origin + window.location.pathname + "?" + query + window.location.hash;
    picked.hidden = false;
    if (scroll) { line.scrollIntoView({ block: "center" }); }
  }

  log.addEventListener("click", function (event) {
    var number = event.target.closest && event.target.closest("code > a:first-child");
    if (!number || event.ctrlKey || event.metaKey) { return; }
    event.preventDefault();
    var to = Number(number.textContent);
    var begin = event.shiftKey && from ? Math.min(from, to) : to;
    var end = event.shiftKey && from ? Math.max(from, to) : to;
    var anchor = event.shiftKey && from ? from : to;
    window.history.replaceState(null, "", begin === end ? "#L" + begin : "#L" + begin + "-L" + end);
    show(false);
    from = anchor;
  });

  document.getElementById("picked-copy").addEventListener("click", function (event) {
    var button = event.target;
    link.select();
    var copied = navigator.clipboard
      ? navigator.clipboard.writeText(link.value)
      : (document.execCommand("copy") ? Promise.resolve() : Promise.reject());
    copied.then(function () { button.textContent = picked.dataset.copied; }, function () { link.select(); });
  });

  window.addEventListener("hashchange", function () { show(true); });
  show(true);
}());
