

using ConsentSnapshots.Worker.Settings;

namespace ConsentSnapshots.Worker.Tests.Settings;

public sealed class TableNameTests
{
    [Theory]
    [InlineData("destinations", "\"public\".\"destinations\"")]
    [InlineData("control_plane.Destinations$1", "\"control_plane\".\"Destinations$1\"")]
    [InlineData("_a._b", "\"_a\".\"_b\"")]
    public void Parse_PlainIdentifiers_AreQuoted(string text, string quoted) => Assert.Equal(quoted, TableName.Parse(text).Quoted);

    [Theory]
    [InlineData(null)]
    [InlineData("")]
    [InlineData(".")]
    [InlineData("a.b.c")]
    [InlineData("1a")]
    [InlineData("a b")]
    [InlineData("\"a\"")]
    [InlineData("a;drop")]
    [InlineData("a\n")]
    [InlineData("ä")]
    [InlineData("a234567890123456789012345678901234567890123456789012345678901234")]
    public void TryParse_AnythingElse_IsRefused(string? text) => Assert.False(TableName.TryParse(text, out _));
}
