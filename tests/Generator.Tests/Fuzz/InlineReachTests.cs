using System.Text;
using ConsentSnapshots.Generator.Destinations;

namespace ConsentSnapshots.Generator.Tests.Fuzz;

/// <summary>What every type's inline scripts touch of a page, in a file to be read: hostile settings are held to it.</summary>
public sealed class InlineReachTests
{
    /// <summary>What can send something, show something, keep something or compile text: the vendor's own library may, an inline script never.</summary>
    private static readonly string[] Never =
    [
        "window.fetch", "window.XMLHttpRequest", "window.WebSocket", "window.EventSource", "window.Image", "window.Worker", "window.eval", "window.Function", "window.open", "window.alert",
        "window.postMessage", "window.localStorage", "window.sessionStorage", "window.indexedDB", "window.history", "window.parent", "window.top", "window.opener", "window.frames",
        "window.navigator", "document.cookie", "document.write", "document.writeln",
    ];

    [Fact]
    public void Reach_OfEveryType_IsWhatIsWrittenDown()
    {
        var page = new HostilePage();
        var text = new StringBuilder();
        foreach (var type in DestinationCatalogue.BuiltIn.Types.Where(type => type.Name != "script"))
        {
            var reach = page.Reach(type.Name).ToList();
            Assert.DoesNotContain(reach, what => Never.Contains(what));
            text.Append(type.Name).Append('\n');
            foreach (var what in reach) text.Append("  ").Append(what).Append('\n');
        }
        Golden.Check("inline-reach.txt", text.ToString());
    }
}
