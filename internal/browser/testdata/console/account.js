// Keycloak's Account Console as its package has it, in the page of a test.
import { createElement as h, Suspense } from "react";
import { createRoot } from "react-dom/client";
import { createBrowserRouter, Outlet, RouterProvider } from "react-router-dom";
import { Page } from "@patternfly/react-core";
import { Header, KeycloakProvider, PageNav, routes } from "@keycloak/keycloak-account-ui";
import { environment, texts } from "./common.js";

texts();
const page = h(Page, { header: h(Header), sidebar: h(PageNav), isManagedSidebar: true }, h(Suspense, { fallback: "…" }, h(Outlet)));
const app = h(KeycloakProvider, { environment }, page);
const router = createBrowserRouter([{ path: "/", element: app, children: routes }], { basename: new URL(environment.baseUrl).pathname });
createRoot(document.querySelector("#app")).render(h(RouterProvider, { router }));
