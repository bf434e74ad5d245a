"""The first award, with the client that openapi-generator makes for Python."""

import os
from uuid import uuid4

from accolade_client import (
    AchievementsApi,
    ApiClient,
    ApiException,
    AwardAchievement,
    Configuration,
    CreateAchievement,
    CreateNamespace,
    NamespacesApi,
    Problem,
    UpdateAchievement,
    UserAchievement,
    UserAchievementsApi,
)


def signed_in(token: str) -> ApiClient:
    return ApiClient(Configuration(host=os.environ["BASE_URL"], access_token=token))


maintainer = signed_in(os.environ["MAINTAINER_TOKEN"])
recipient = signed_in(os.environ["RECIPIENT_TOKEN"])
username = os.environ["RECIPIENT_USERNAME"]
namespaces = NamespacesApi(maintainer)
achievements = AchievementsApi(maintainer)
received = UserAchievementsApi(recipient)

namespace = f"python-{uuid4()}"
namespaces.create_namespace(
    create_namespace=CreateNamespace(path=namespace, name="Python", visibility="public")
)

merge = achievements.create_achievement(
    namespace=namespace,
    create_achievement=CreateAchievement(name="First merge", description="Landed a first change"),
)
review = achievements.create_achievement(
    namespace=namespace, create_achievement=CreateAchievement(name="First review")
)

with open(os.environ["AVATAR"], "rb") as avatar:
    review = achievements.put_achievement_avatar(id=review.id, avatar=("avatar.png", avatar.read()))
assert review.avatar_url and review.avatar_url.endswith(".png"), review

awarded = achievements.award_achievement(
    id=merge.id,
    award_achievement=AwardAchievement(username=username, award_message="Well done"),
)
accepted = received.accept_user_achievement(id=awarded.id)
assert accepted.status == "accepted", accepted

badges = received.list_badges(user=username, limit=100)
assert merge.id in [badge.achievement.id for badge in badges.nodes], badges

# A list comes in pages; the end of one is where the next begins.
first = achievements.list_achievements(namespace=namespace, limit=1)
second = achievements.list_achievements(
    namespace=namespace, limit=1, after=first.page_info.end_cursor
)
assert [page.nodes[0].name for page in (first, second)] == ["First merge", "First review"]
assert [page.page_info.has_next_page for page in (first, second)] == [True, False]

# A PATCH changes only what it names.
renamed = achievements.update_achievement(
    id=merge.id, update_achievement=UpdateAchievement(name="First commit")
)
assert renamed.name == "First commit", renamed
assert renamed.description == "Landed a first change", renamed

# Every failure is a problem document, decoded.
try:
    achievements.create_achievement(
        namespace=namespace, create_achievement=CreateAchievement(name="First commit")
    )
    raise AssertionError("A name was given twice")
except ApiException as failure:
    assert failure.status == 409, failure
    problem = failure.data
assert isinstance(problem, Problem), problem
assert problem.status == 409, problem
assert problem.type.endswith("/problems/name-taken"), problem
assert problem.detail, problem

namespaces.delete_namespace(namespace=namespace)

# A newer service may answer a status, and members, that this client never heard of.
newer = UserAchievement.from_dict({**accepted.to_dict(), "status": "archived", "unheardOf": True})
assert newer and newer.status == "archived", newer
