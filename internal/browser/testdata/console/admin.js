// Keycloak's Admin Console as its package has it, in the page of a test.
import { createElement as h } from "react";
import { createRoot } from "react-dom/client";
import { createHashRouter, RouterProvider } from "react-router-dom";
import { AdminUi, KeycloakProvider, routes } from "@keycloak/keycloak-admin-ui";
import "@keycloak/keycloak-admin-ui/styles.css";
import { environment, texts } from "./common.js";

texts();
const app = h(KeycloakProvider, { environment }, h(AdminUi));
const router = createHashRouter([{ path: "/", element: app, children: routes }]);
createRoot(document.querySelector("#app")).render(h(RouterProvider, { router }));
