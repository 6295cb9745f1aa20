// Looks for the cookie that the step before set, tells the page around this
// frame, and takes it back.
(function () {
  "use strict";
  var found = document.cookie.includes("KEYCLOAK_3P_COOKIE");
  if (found) {
    document.cookie = "KEYCLOAK_3P_COOKIE_SAMESITE=; Max-Age=0; SameSite=None; Secure";
    document.cookie = "KEYCLOAK_3P_COOKIE=; Max-Age=0";
  }
  parent.postMessage(found ? "supported" : "unsupported", "*");
})();
