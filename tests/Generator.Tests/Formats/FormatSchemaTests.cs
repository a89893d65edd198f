using System.Text;
using ConsentSnapshots.Generator.Consent;
using ConsentSnapshots.Generator.Destinations;
using ConsentSnapshots.Generator.Formats;
using NJsonSchema;

namespace ConsentSnapshots.Generator.Tests.Formats;

/// <summary>The schemas in <c>docs/formats</c> say of every document what is true, by an independent judge, and the store in the repository stays readable.</summary>
public sealed class FormatSchemaTests
{
    private static string Folder => RepositoryFiles.At("docs", "formats");

    private static Task<JsonSchema> SchemaAsync(string name) => JsonSchema.FromFileAsync(Path.Combine(Folder, $"{name}.schema.json"), TestContext.Current.CancellationToken);

    [Fact]
    public async Task Documents_OfEveryType_KeepTheirSchemas()
    {
        foreach (var required in (string[][])[[], ["necessary"], ["marketing", "measurement"]])
        {
            var manifest = Samples.Generate(Samples.Everything(required)).ToManifest(42, new string('a', 64));
            await AssertAsync("manifest", manifest.Bytes.ToArray());
            await AssertAsync("list", manifest.ListBytes());
            foreach (var hash in manifest.Snapshots.Keys) await AssertAsync("snapshot", manifest.SnapshotBytes(hash));
        }
        await AssertAsync("change", new ChangeRecord("acme", "production", 42, null, DateTimeOffset.UnixEpoch).ToBytes());
        await AssertAsync("change", new ChangeRecord("acme", "production", 42, DateTimeOffset.UnixEpoch, DateTimeOffset.UnixEpoch).ToBytes());
    }

    [Fact]
    public async Task Schemas_WhatIsWrong_IsRefused()
    {
        var manifest = Encoding.UTF8.GetString(Samples.Generate(Samples.Least("meta-pixel")).ToManifest().Bytes.Span);
        var schema = await SchemaAsync("manifest");
        foreach (var (right, wrong) in (ReadOnlySpan<(string, string)>)[("\"schema\":2", "\"schema\":1"), ("\"version\":1,", "\"version\":0,"), ("\"loader\":", "\"unloader\":"), ("\"category\":\"marketing\"", "\"category\":{\"not\":\"marketing\"}")])
        {
            Assert.Contains(right, manifest, StringComparison.Ordinal);
            Assert.NotEmpty(schema.Validate(manifest.Replace(right, wrong, StringComparison.Ordinal)));
        }
    }

    [Theory]
    [InlineData("\"cookie\":\"_fbp\"", "\"cookie\":\"_f*p\"")]
    [InlineData("\"cookie\":\"_fbp\"", "\"cookie\":\"*\"")]
    [InlineData("\"cookie\":\"_fbp\"", "\"cookie\":\"\"")]
    [InlineData("\"cookie\":\"_fbp\"", "\"cookies\":\"_fbp\"")]
    [InlineData("\"cookie\":\"_fbp\"", "\"cookie\":\"_fbp\",\"localStorage\":\"_fbp\"")]
    [InlineData("\"cookie\":\"_fbp\",\"unless\":\"marketing\"", "\"cookie\":\"_fbp\"")]
    [InlineData("\"cookie\":\"_fbp\",\"unless\":\"marketing\"", "\"cookie\":\"_fbp\",\"unless\":\"sometimes\"")]
    [InlineData("{\"marketing\":{\"cookies\"", "{\"necessary\":{\"cookies\"")]
    [InlineData("{\"marketing\":{\"cookies\"", "{\"marketing\":{\"cookie\"")]
    [InlineData(",\"sessionStorage\":[]", "")]
    public async Task Schemas_WrongNames_AreRefused(string right, string wrong)
    {
        var made = Samples.Generate(Samples.Least("meta-pixel")).ToManifest();
        foreach (var (name, bytes) in ((string, byte[])[])[("manifest", made.Bytes.ToArray()), ("list", made.ListBytes())])
        {
            var document = Encoding.UTF8.GetString(bytes);
            Assert.Contains(right, document, StringComparison.Ordinal);
            Assert.NotEmpty((await SchemaAsync(name)).Validate(document.Replace(right, wrong, StringComparison.Ordinal)));
        }
    }

    /// <summary>Written by the first build of schema 2, and never again: a build that cannot read it cannot read what is published.</summary>
    [Fact]
    public async Task FixtureStore_IsReadWhole()
    {
        var store = RepositoryFiles.At("tests", "fixtures", "store");
        var scopes = 0;
        foreach (var file in Directory.EnumerateFiles(Path.Combine(store, "private", "current"), "*.json", SearchOption.AllDirectories))
        {
            var bytes = await File.ReadAllBytesAsync(file, TestContext.Current.CancellationToken);
            var manifest = Manifest.Parse(bytes);
            Assert.Null(manifest.FindFault());
            Assert.Equal(bytes, await File.ReadAllBytesAsync(Path.Combine(store, "history", BlobNames.History(manifest.Scope, manifest.Version)), TestContext.Current.CancellationToken));
            foreach (var hash in manifest.Snapshots.Keys)
                Assert.Equal(await File.ReadAllBytesAsync(Path.Combine(store, "public", manifest.Scope.ToString(), $"{hash}.json"), TestContext.Current.CancellationToken), manifest.SnapshotBytes(hash));
            Assert.Equal(await File.ReadAllBytesAsync(Path.Combine(store, "public", BlobNames.List(manifest.Scope)), TestContext.Current.CancellationToken), manifest.ListBytes());
            foreach (var set in ConsentSet.All) Assert.NotEmpty(manifest.AnswerBytes(set));
            for (var version = 2; version <= manifest.Version; version++)
            {
                var (before, after) = (ReadHistory(store, manifest.Scope, version - 1), ReadHistory(store, manifest.Scope, version));
                Assert.Equal(before.Digest(), after.Envelope.Previous);
            }
            scopes++;
        }
        Assert.Equal(3, scopes);
        var log = await File.ReadAllBytesAsync(Path.Combine(store, "private", BlobNames.ChangeSegment(1)), TestContext.Current.CancellationToken);
        Assert.NotEmpty(ChangeRecord.Read(log, out var unreadable));
        Assert.Equal(0, unreadable);
    }

    private static Manifest ReadHistory(string store, Scope scope, int version) => Manifest.Parse(File.ReadAllBytes(Path.Combine(store, "history", BlobNames.History(scope, version))));

    private static async Task AssertAsync(string name, byte[] document)
    {
        var problems = (await SchemaAsync(name)).Validate(Encoding.UTF8.GetString(document));
        Assert.True(problems.Count == 0, $"{name}: {string.Join(", ", problems.Take(5).Select(problem => $"{problem.Path} {problem.Kind}"))}");
    }
}
