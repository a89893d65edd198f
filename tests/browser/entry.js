// What the browser tests find on a page: the c15t client's script loader and store as window.c15t, and its own vendor
// integrations, to compare ours with, as window.c15tScripts.
import * as c15t from "c15t";
import * as googleTag from "@c15t/scripts/google-tag";
import * as googleTagManager from "@c15t/scripts/google-tag-manager";
import * as metaPixel from "@c15t/scripts/meta-pixel";
import * as mixpanel from "@c15t/scripts/mixpanel-analytics";
import * as posthog from "@c15t/scripts/posthog";
import * as hotjar from "@c15t/scripts/hotjar";
import * as linkedin from "@c15t/scripts/linkedin-insights";
import * as clarity from "@c15t/scripts/microsoft-clarity";
import * as uet from "@c15t/scripts/microsoft-uet";
import * as segment from "@c15t/scripts/segment";
import * as tiktok from "@c15t/scripts/tiktok-pixel";
import * as ahrefs from "@c15t/scripts/ahrefs-analytics";
import * as cloudflare from "@c15t/scripts/cloudflare-web-analytics";
import * as fathom from "@c15t/scripts/fathom-analytics";
import * as reddit from "@c15t/scripts/reddit-pixel";
import * as snapchat from "@c15t/scripts/snapchat-pixel";
import * as umami from "@c15t/scripts/umami-analytics";
import * as x from "@c15t/scripts/x-pixel";
import * as plausible from "@c15t/scripts/plausible-analytics";
import * as matomo from "@c15t/scripts/matomo-analytics";
import * as vercel from "@c15t/scripts/vercel-analytics";
import * as rudderstack from "@c15t/scripts/rudderstack";
import * as logrocket from "@c15t/scripts/logrocket";
import * as rybbit from "@c15t/scripts/rybbit-analytics";
import * as pirsch from "@c15t/scripts/pirsch";
import * as promptwatch from "@c15t/scripts/promptwatch";

window.c15t = c15t;
window.c15tScripts = { ...googleTag, ...googleTagManager, ...metaPixel, ...mixpanel, ...posthog, ...hotjar, ...linkedin, ...clarity, ...uet, ...segment, ...tiktok, ...ahrefs, ...cloudflare, ...fathom, ...reddit, ...snapchat, ...umami, ...x, ...plausible, ...matomo, ...vercel, ...rudderstack, ...logrocket, ...rybbit, ...pirsch, ...promptwatch };
