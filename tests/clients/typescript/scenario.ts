// The first award, with openapi-fetch and the types of openapi-typescript.
import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { readFile } from "node:fs/promises";
import createClient from "openapi-fetch";
import type { components, paths } from "./schema.js";

type Problem = components["schemas"]["Problem"];

const { BASE_URL, MAINTAINER_TOKEN, RECIPIENT_TOKEN, RECIPIENT_USERNAME = "", AVATAR = "" } = process.env;
const signedIn = (token?: string) =>
  createClient<paths>({ baseUrl: BASE_URL, headers: { Authorization: `Bearer ${token}` } });
const maintainer = signedIn(MAINTAINER_TOKEN);
const recipient = signedIn(RECIPIENT_TOKEN);

// Every failure is a problem document, and typed as one.
function done<T>({ data, error, response }: { data?: T; error?: Problem; response: Response }): T {
  if (!response.ok) throw new Error(`${response.status} from ${response.url}: ${error?.detail}`);
  return data as T;
}

// openapi-fetch sends JSON unless it is told how to write a form.
function form(body: object): FormData {
  const form = new FormData();
  for (const [name, value] of Object.entries(body)) form.append(name, value);
  return form;
}

const namespace = `typescript-${randomUUID()}`;
done(await maintainer.POST("/namespaces", {
  body: { path: namespace, name: "TypeScript", visibility: "public" },
}));

const merge = done(await maintainer.POST("/namespaces/{namespace}/achievements", {
  params: { path: { namespace } },
  body: { name: "First merge", description: "Landed a first change" },
}));

// The generator types a binary member as a string; the form takes the Blob.
const avatar = new Blob([await readFile(AVATAR)], { type: "image/png" }) as unknown as string;
const review = done(await maintainer.POST("/namespaces/{namespace}/achievements", {
  params: { path: { namespace } },
  body: { name: "First review", avatar },
  bodySerializer: form,
}));
assert.match(review.avatarUrl ?? "", /\.png$/);

const awarded = done(await maintainer.POST("/achievements/{id}/award", {
  params: { path: { id: merge.id } },
  body: { username: RECIPIENT_USERNAME, awardMessage: "Well done" },
}));
const accepted = done(await recipient.POST("/user-achievements/{id}/accept", {
  params: { path: { id: awarded.id } },
}));
assert.equal(accepted.status, "accepted");

const badges = done(await recipient.GET("/users/{user}/badges", {
  params: { path: { user: RECIPIENT_USERNAME }, query: { limit: 100 } },
}));
assert.ok(badges.nodes.some((badge) => badge.achievement.id === merge.id));

// A list comes in pages; the end of one is where the next begins.
const names: string[] = [];
let after: string | undefined;
let pages = 0;
do {
  const page = done(await maintainer.GET("/namespaces/{namespace}/achievements", {
    params: { path: { namespace }, query: { limit: 1, after } },
  }));
  names.push(...page.nodes.map((achievement) => achievement.name));
  after = page.pageInfo.hasNextPage ? page.pageInfo.endCursor : undefined;
  pages++;
} while (after);
assert.deepEqual(names, ["First merge", "First review"]);
assert.equal(pages, 2);

// A PATCH changes only what it names.
const renamed = done(await maintainer.PATCH("/achievements/{id}", {
  params: { path: { id: merge.id } },
  body: { name: "First commit" },
}));
assert.equal(renamed.name, "First commit");
assert.equal(renamed.description, "Landed a first change");

const { error, response } = await maintainer.POST("/namespaces/{namespace}/achievements", {
  params: { path: { namespace } },
  body: { name: "First commit" },
});
assert.equal(response.status, 409);
assert.ok(error);
assert.equal(error.status, 409);
assert.match(error.type, /\/problems\/name-taken$/);
assert.ok(error.detail.length > 0);

done(await maintainer.DELETE("/namespaces/{namespace}", { params: { path: { namespace } } }));

// For the compiler: a newer service may answer a status that this client never heard of.
awarded.status = "archived";
