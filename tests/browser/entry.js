// What the browser tests find on a page: the c15t client's script loader and store as window.c15t, and its own vendor
// integrations, to compare ours with, as window.c15tScripts.
import * as c15t from "c15t";
import * as googleTag from "@c15t/scripts/google-tag";
import * as googleTagManager from "@c15t/scripts/google-tag-manager";
import * as metaPixel from "@c15t/scripts/meta-pixel";
import * as mixpanel from "@c15t/scripts/mixpanel-analytics";
import * as posthog from "@c15t/scripts/posthog";

window.c15t = c15t;
window.c15tScripts = { ...googleTag, ...googleTagManager, ...metaPixel, ...mixpanel, ...posthog };
