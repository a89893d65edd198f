using ConsentSnapshots.Generator.Formats;

namespace ConsentSnapshots.Generator.Tests.Formats;

public sealed class BlobNamesTests
{
    [Fact]
    public void Names_AreTheContracts()
    {
        Assert.True(SnapshotHash.TryParse("0123456789abcdef0123456789abcdef", out var hash));
        Assert.Equal("acme/production/0123456789abcdef0123456789abcdef.json", BlobNames.Snapshot(Samples.Scope, hash));
        Assert.Equal("current/acme/production.json", BlobNames.Current(Samples.Scope));
        Assert.Equal("acme/production/00000042.json", BlobNames.History(Samples.Scope, 42));
        Assert.Equal("changes/00000001.log", BlobNames.ChangeSegment(1));
        Assert.Equal("acme/production/scripts.json", BlobNames.List(Samples.Scope));
        Assert.Equal("acme/production/tags.js", BlobNames.Tags(Samples.Scope));
        Assert.Equal("_/loader.js", BlobNames.Loader);
    }

    [Fact]
    public void Names_AreReadBack()
    {
        Assert.True(SnapshotHash.TryParse("0123456789abcdef0123456789abcdef", out var hash));
        Assert.True(BlobNames.TryParseSnapshot(BlobNames.Snapshot(Samples.Scope, hash), out var scope, out var parsed));
        Assert.Equal((Samples.Scope, hash), (scope, parsed));
        Assert.True(BlobNames.TryParseCurrent(BlobNames.Current(Samples.Scope), out scope));
        Assert.Equal(Samples.Scope, scope);
        Assert.True(BlobNames.TryParseHistory(BlobNames.History(Samples.Scope, 123_456_789), out scope, out var version));
        Assert.Equal((Samples.Scope, 123_456_789), (scope, version));
        Assert.True(BlobNames.TryParseChangeSegment(BlobNames.ChangeSegment(7), out var segment));
        Assert.Equal(7, segment);
    }

    [Theory]
    [InlineData("acme/production/0123456789ABCDEF0123456789abcdef.json")]
    [InlineData("acme/prod/0123456789abcdef0123456789abcdef.json")]
    [InlineData("acme/production/x/0123456789abcdef0123456789abcdef.json")]
    [InlineData("../production/0123456789abcdef0123456789abcdef.json")]
    [InlineData("acme/production/0123456789abcdef0123456789abcdef.json.tmp")]
    [InlineData(".json")]
    public void TryParseSnapshot_OtherNames_IsFalse(string name) => Assert.False(BlobNames.TryParseSnapshot(name, out _, out _));

    [Theory]
    [InlineData("acme/production/42.json")]
    [InlineData("acme/production/00000000.json")]
    [InlineData("acme/production/-0000042.json")]
    [InlineData("current/acme/production/00000042.json")]
    [InlineData("manifests/acme/production/00000042.json")]
    public void TryParseHistory_OtherNames_IsFalse(string name) => Assert.False(BlobNames.TryParseHistory(name, out _, out _));

    [Theory]
    [InlineData("_/loader.js", null)]
    [InlineData("acme/production/scripts.json", "acme/production")]
    [InlineData("acme/staging/tags.js", "acme/staging")]
    [InlineData("acme/production/0123456789abcdef0123456789abcdef.json", "acme/production")]
    public void TryParsePublic_WhatAWorkerWrites_SaysWhoseItIs(string name, string? expected)
    {
        Assert.True(BlobNames.TryParsePublic(name, out var scope));
        Assert.Equal(expected, scope?.ToString());
    }

    [Theory]
    [InlineData("acme/production/other.json")]
    [InlineData("acme/elsewhere/scripts.json")]
    [InlineData("../production/scripts.json")]
    [InlineData("_/other.js")]
    [InlineData("_/production/scripts.json")]
    [InlineData("acme/production/x/scripts.json")]
    [InlineData("")]
    public void TryParsePublic_OtherNames_IsFalse(string name)
    {
        Assert.False(BlobNames.TryParsePublic(name, out var scope));
        Assert.Null(scope);
    }
}
