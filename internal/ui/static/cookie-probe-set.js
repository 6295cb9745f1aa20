// Finds out whether this browser gives a frame of another site its cookies:
// sets one, and goes to where it is looked for.
(async function () {
  "use strict";
  var access = !document.hasStorageAccess || await document.hasStorageAccess();
  if (!access) {
    try {
      await document.requestStorageAccess();
      access = true;
    } catch (refused) {
      parent.postMessage("unsupported", "*");
      return;
    }
  }
  document.cookie = "KEYCLOAK_3P_COOKIE_SAMESITE=supported; Max-Age=60; SameSite=None; Secure";
  document.cookie = "KEYCLOAK_3P_COOKIE=supported; Max-Age=60";
  location.replace("step2.html");
})();
