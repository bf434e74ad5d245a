// The first award, with the client that openapi-generator makes for TypeScript (typescript-fetch).
import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { readFile } from "node:fs/promises";
import {
  AchievementsApi, Configuration, NamespacesApi, ProblemFromJSON, ResponseError, UserAchievementFromJSON,
  UserAchievementToJSON, UserAchievementsApi,
} from "./client/index.js";

const { BASE_URL, MAINTAINER_TOKEN, RECIPIENT_TOKEN, RECIPIENT_USERNAME = "", AVATAR = "" } = process.env;
const maintainer = new Configuration({ basePath: BASE_URL, accessToken: MAINTAINER_TOKEN });
const recipient = new Configuration({ basePath: BASE_URL, accessToken: RECIPIENT_TOKEN });
const namespaces = new NamespacesApi(maintainer);
const achievements = new AchievementsApi(maintainer);
const received = new UserAchievementsApi(recipient);

const namespace = `typescript-fetch-${randomUUID()}`;
await namespaces.createNamespace({
  createNamespace: { path: namespace, name: "TypeScript", visibility: "public" },
});

const merge = await achievements.createAchievement({
  namespace,
  createAchievement: { name: "First merge", description: "Landed a first change" },
});
const review = await achievements.createAchievement({ namespace, createAchievement: { name: "First review" } });

// The type is a list, as Kotlin's generated clients send it: the service looks at the bytes.
const avatar = new Blob([await readFile(AVATAR)], { type: "image/png, image/jpeg, image/webp, image/gif" });
const withAvatar = await achievements.putAchievementAvatar({ id: review.id, avatar });
assert.match(withAvatar.avatarUrl ?? "", /\.png$/);

const awarded = await achievements.awardAchievement({
  id: merge.id,
  awardAchievement: { username: RECIPIENT_USERNAME, awardMessage: "Well done" },
});
const accepted = await received.acceptUserAchievement({ id: awarded.id });
assert.equal(accepted.status, "accepted");

const badges = await received.listBadges({ user: RECIPIENT_USERNAME, limit: 100 });
assert.ok(badges.nodes.some((badge) => badge.achievement.id === merge.id));

// A list comes in pages; the end of one is where the next begins.
const first = await achievements.listAchievements({ namespace, limit: 1 });
const second = await achievements.listAchievements({ namespace, limit: 1, after: first.pageInfo.endCursor });
assert.deepEqual([first, second].map((page) => page.nodes[0]?.name), ["First merge", "First review"]);
assert.deepEqual([first, second].map((page) => page.pageInfo.hasNextPage), [true, false]);

// A PATCH changes only what it names.
const renamed = await achievements.updateAchievement({
  id: merge.id,
  updateAchievement: { name: "First commit" },
});
assert.equal(renamed.name, "First commit");
assert.equal(renamed.description, "Landed a first change");

// Every failure is a problem document.
const failure = await achievements
  .createAchievement({ namespace, createAchievement: { name: "First commit" } })
  .catch((error: unknown) => error);
assert.ok(failure instanceof ResponseError);
assert.equal(failure.response.status, 409);
const problem = ProblemFromJSON(await failure.response.json());
assert.equal(problem.status, 409);
assert.match(problem.type, /\/problems\/name-taken$/);
assert.ok(problem.detail.length > 0);

await namespaces.deleteNamespace({ namespace });

// A newer service may answer a status, and members, that this client never heard of.
const newer = UserAchievementFromJSON({ ...UserAchievementToJSON(accepted), status: "archived", unheardOf: true });
assert.equal(newer.status, "archived");
