// Tells an application whether the login it knows is still the one this browser
// holds (OpenID Connect Session Management 1.0 §3.2). The application posts
// "<client id> <session id>"; the answer is "unchanged", "changed" or "error".
// The session is known here by its digest alone, in a cookie.
(function () {
  "use strict";
  var known = null; // who may ask, once the server has said so: the first one
  var asked = false;

  function cookie(name) {
    var found = document.cookie.split(";").map(function (c) { return c.trim(); })
      .find(function (c) { return c.startsWith(name + "="); });
    return found ? found.slice(name.length + 1).replace(/^"|"$/g, "") : "";
  }

  // Browsers may keep a frame's cookies from it, until the frame asks for them.
  async function readable() {
    if (!document.hasStorageAccess || await document.hasStorageAccess()) {
      return true;
    }
    try {
      await document.requestStorageAccess();
      return true;
    } catch (refused) {
      return false;
    }
  }

  async function digest(text) {
    var sum = await crypto.subtle.digest("SHA-384", new TextEncoder().encode(text));
    return btoa(String.fromCharCode.apply(null, new Uint8Array(sum)))
      .replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
  }

  // One frame serves one client of one origin, and asks the server once.
  async function allowed(client, origin) {
    if (!asked) {
      asked = true;
      var query = new URLSearchParams({ client_id: client, origin: origin });
      var answer = await fetch(location.pathname + "/init?" + query);
      if (answer.ok) {
        known = { client: client, origin: origin };
      }
    }
    return known && known.client === client && known.origin === origin;
  }

  async function status(client, origin, session) {
    if (!await readable() || !await allowed(client, origin)) {
      return "error";
    }
    var held = cookie("KEYCLOAK_SESSION");
    if (!held) {
      return session === "" ? "unchanged" : "changed";
    }
    return held === await digest(session) ? "unchanged" : "changed";
  }

  addEventListener("message", async function (event) {
    var parts = typeof event.data === "string" ? event.data.split(" ") : [];
    if (parts.length !== 2 || !event.source) {
      return;
    }
    var told;
    try {
      told = await status(parts[0], event.origin, parts[1]);
    } catch (failed) {
      told = "error";
    }
    event.source.postMessage(told, event.origin);
  });
})();
