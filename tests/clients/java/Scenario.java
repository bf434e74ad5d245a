import accolade.client.ApiClient;
import accolade.client.ApiException;
import accolade.client.api.AchievementsApi;
import accolade.client.api.NamespacesApi;
import accolade.client.api.UserAchievementsApi;
import accolade.client.model.Achievement;
import accolade.client.model.AchievementPage;
import accolade.client.model.AwardAchievement;
import accolade.client.model.BadgePage;
import accolade.client.model.CreateAchievement;
import accolade.client.model.CreateNamespace;
import accolade.client.model.Problem;
import accolade.client.model.UpdateAchievement;
import accolade.client.model.UserAchievement;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.File;
import java.util.UUID;

/** The first award, with the client that openapi-generator makes for Java (library native). */
public class Scenario {
    public static void main(String[] arguments) throws Exception {
        ApiClient maintainer = signedIn(System.getenv("MAINTAINER_TOKEN"));
        ApiClient recipient = signedIn(System.getenv("RECIPIENT_TOKEN"));
        String username = System.getenv("RECIPIENT_USERNAME");
        NamespacesApi namespaces = new NamespacesApi(maintainer);
        AchievementsApi achievements = new AchievementsApi(maintainer);
        UserAchievementsApi received = new UserAchievementsApi(recipient);

        String namespace = "java-" + UUID.randomUUID();
        namespaces.createNamespace(NamespacesApi.APICreateNamespaceRequest.newBuilder()
            .createNamespace(new CreateNamespace()
                .path(namespace)
                .name("Java")
                .visibility(CreateNamespace.VisibilityEnum.PUBLIC))
            .build());

        Achievement merge = achievements.createAchievement(create(
            namespace, new CreateAchievement().name("First merge").description("Landed a first change")));
        Achievement review = achievements.createAchievement(create(
            namespace, new CreateAchievement().name("First review")));

        review = achievements.putAchievementAvatar(
            AchievementsApi.APIPutAchievementAvatarRequest.newBuilder()
                .id(review.getId())
                .avatar(new File(System.getenv("AVATAR")))
                .build());
        check(review.getAvatarUrl().endsWith(".png"), review);

        UserAchievement awarded = achievements.awardAchievement(
            AchievementsApi.APIAwardAchievementRequest.newBuilder()
                .id(merge.getId())
                .awardAchievement(new AwardAchievement().username(username).awardMessage("Well done"))
                .build());
        UserAchievement accepted = received.acceptUserAchievement(
            UserAchievementsApi.APIAcceptUserAchievementRequest.newBuilder().id(awarded.getId()).build());
        check(accepted.getStatus().equals("accepted"), accepted);

        BadgePage badges = received.listBadges(
            UserAchievementsApi.APIListBadgesRequest.newBuilder().user(username).limit(100L).build());
        check(badges.getNodes().stream().anyMatch(
            badge -> badge.getAchievement().getId().equals(merge.getId())), badges);

        // A list comes in pages; the end of one is where the next begins.
        AchievementPage first = achievements.listAchievements(
            AchievementsApi.APIListAchievementsRequest.newBuilder().namespace(namespace).limit(1L).build());
        AchievementPage second = achievements.listAchievements(
            AchievementsApi.APIListAchievementsRequest.newBuilder()
                .namespace(namespace)
                .limit(1L)
                .after(first.getPageInfo().getEndCursor())
                .build());
        check(first.getNodes().get(0).getName().equals("First merge"), first);
        check(second.getNodes().get(0).getName().equals("First review"), second);
        check(first.getPageInfo().getHasNextPage() && !second.getPageInfo().getHasNextPage(), second);

        // A PATCH changes only what it names.
        Achievement renamed = achievements.updateAchievement(
            AchievementsApi.APIUpdateAchievementRequest.newBuilder()
                .id(merge.getId())
                .updateAchievement(new UpdateAchievement().name("First commit"))
                .build());
        check(renamed.getName().equals("First commit"), renamed);
        check(renamed.getDescription().equals("Landed a first change"), renamed);

        // Every failure is a problem document.
        try {
            achievements.createAchievement(create(namespace, new CreateAchievement().name("First commit")));
            throw new AssertionError("A name was given twice");
        } catch (ApiException failure) {
            check(failure.getCode() == 409, failure);
            Problem problem = maintainer.getObjectMapper().readValue(failure.getResponseBody(), Problem.class);
            check(problem.getStatus() == 409, problem);
            check(problem.getType().toString().endsWith("/problems/name-taken"), problem);
            check(!problem.getDetail().isEmpty(), problem);
        }

        namespaces.deleteNamespace(
            NamespacesApi.APIDeleteNamespaceRequest.newBuilder().namespace(namespace).build());

        // A newer service may answer a status, and members, that this client never heard of.
        ObjectNode json = maintainer.getObjectMapper().valueToTree(accepted);
        json.put("status", "archived").put("unheardOf", true);
        UserAchievement newer = maintainer.getObjectMapper().treeToValue(json, UserAchievement.class);
        check(newer.getStatus().equals("archived"), newer);
    }

    static ApiClient signedIn(String token) {
        ApiClient client = new ApiClient();
        client.updateBaseUri(System.getenv("BASE_URL"));
        client.setRequestInterceptor(request -> request.header("Authorization", "Bearer " + token));
        return client;
    }

    static AchievementsApi.APICreateAchievementRequest create(String namespace, CreateAchievement achievement) {
        return AchievementsApi.APICreateAchievementRequest.newBuilder()
            .namespace(namespace)
            .createAchievement(achievement)
            .build();
    }

    static void check(boolean holds, Object answer) {
        if (!holds) throw new AssertionError(answer);
    }
}
