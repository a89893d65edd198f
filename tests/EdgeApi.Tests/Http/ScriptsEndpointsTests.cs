using System.Net;
using System.Text;
using System.Text.Json;
using ConsentSnapshots.EdgeApi.Tests.Support;
using ConsentSnapshots.Generator.Consent;

namespace ConsentSnapshots.EdgeApi.Tests.Http;

public sealed class ScriptsEndpointsTests : IDisposable
{
    private const string Acme = "/v1/acme/production/scripts";
    private readonly TestStore _store = new();

    public void Dispose() => _store.Dispose();

    [Fact]
    public async Task Scripts_EveryConsentSet_AnswersSnapshotsScriptsAndItsMetadata()
    {
        var manifest = _store.Publish(TestStore.Acme, TestStore.OneOfEach);
        await using var edge = await TestEdge.StartAsync(_store);
        foreach (var set in ConsentSet.All)
        {
            using var response = await edge.GetAsync($"{Acme}?consent={set}");
            Assert.Equal(HttpStatusCode.OK, response.StatusCode);
            var body = await response.Content.ReadAsStringAsync(TestContext.Current.CancellationToken);
            var snapshot = Encoding.UTF8.GetString(_store.SnapshotBytes(TestStore.Acme, set));
            var scripts = snapshot[..(snapshot.LastIndexOf(",\"metadata\":", StringComparison.Ordinal))];
            var entry = manifest.Snapshots[manifest[set].Snapshot];
            string Granted(ConsentCategory category) => set.Contains(category) ? "true" : "false";
            Assert.Equal(
                $$$"""
                {{{scripts}}},"metadata":{"generatedAt":"2026-03-01T10:00:10.000Z","consent":{"necessary":true,"functionality":{{{Granted(ConsentCategory.Functionality)}}},"experience":{{{Granted(ConsentCategory.Experience)}}},"measurement":{{{Granted(ConsentCategory.Measurement)}}},"marketing":{{{Granted(ConsentCategory.Marketing)}}}},"destinationCount":{{{entry.List.DestinationCount}}},"scriptCount":{{{entry.List.Scripts.Length}}},"cached":true,"version":1,"snapshot":"{{{manifest[set].Snapshot}}}","requiredCategories":["functionality","experience","measurement","marketing"]}}
                """,
                body);
        }
    }

    [Theory]
    [InlineData("consent={\"measurement\":true,\"marketing\":false}")]
    [InlineData("consent=%7B%22measurement%22%3Atrue%7D")]
    [InlineData("consent=measurement")]
    [InlineData("consent=necessary,measurement")]
    [InlineData("measurement=true&marketing=false")]
    [InlineData("measurement=true&_=123&utm_source=x")]
    [InlineData("consent={\"measurement\":true,\"unheard-of\":true}")]
    public async Task Scripts_ThreeFormsOfConsent_AnswerTheSame(string query)
    {
        _store.Publish(TestStore.Acme, TestStore.OneOfEach);
        await using var edge = await TestEdge.StartAsync(_store);
        using var response = await edge.GetAsync($"{Acme}?{query}");
        using var body = JsonDocument.Parse(await response.Content.ReadAsStringAsync(TestContext.Current.CancellationToken));
        Assert.Equal(HttpStatusCode.OK, response.StatusCode);
        var consent = body.RootElement.GetProperty("metadata").GetProperty("consent");
        Assert.True(consent.GetProperty("measurement").GetBoolean());
        Assert.False(consent.GetProperty("marketing").GetBoolean());
        var scripts = body.RootElement.GetProperty("scripts");
        Assert.Equal(2, scripts.GetArrayLength());
        Assert.Equal("consent-snapshots", scripts[0].GetProperty("id").GetString());
        Assert.Equal("measurement", scripts[1].GetProperty("category").GetString());
    }

    [Fact]
    public async Task Scripts_PublicationAnnounced_ChangesTheAnswer()
    {
        _store.Publish(TestStore.Acme, TestStore.Pixel("11111111111"));
        await using var edge = await TestEdge.StartAsync(_store);
        Assert.Contains("\"version\":1,", await edge.GetStringAsync($"{Acme}?consent=marketing"), StringComparison.Ordinal);
        _store.Publish(TestStore.Acme, TestStore.Pixel("22222222222"));
        using var response = await edge.GetUntilAsync($"{Acme}?consent=marketing", (_, body) => body.Contains("\"version\":2,", StringComparison.Ordinal));
        Assert.Contains("22222222222", await response.Content.ReadAsStringAsync(TestContext.Current.CancellationToken), StringComparison.Ordinal);
    }
}
