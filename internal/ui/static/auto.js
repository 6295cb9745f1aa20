// Presses the button of a page that only leads on: the form of an answer by
// form_post at once, the link of a logout page when its frames have loaded, or
// after five seconds.
(function () {
  "use strict";
  var form = document.getElementById("auto-submit");
  if (form) {
    HTMLFormElement.prototype.submit.call(form);
    return;
  }
  var link = document.getElementById("continue");
  function go() {
    if (link) {
      location.replace(link.href);
      link = null;
    }
  }
  addEventListener("load", go);
  setTimeout(go, 5000);
})();
