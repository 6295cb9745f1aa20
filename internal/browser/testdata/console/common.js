// What both consoles need: where the server is, and texts. A text is its key:
// the packages have none, and names of things come from the server.
import i18next from "i18next";
import { initReactI18next } from "react-i18next";

export const environment = JSON.parse(document.querySelector("#environment").textContent);

export function texts() {
  i18next.use(initReactI18next).init({ lng: "en", resources: {}, showSupportNotice: false });
}
