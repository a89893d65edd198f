using System.Text;
using ConsentSnapshots.Generator.Destinations;

namespace ConsentSnapshots.Generator.Tests.Fuzz;

/// <summary>What every type's inline scripts touch of a page, in a file to be read: hostile settings are held to it.</summary>
public sealed class InlineReachTests
{
    public static TheoryData<string> TypeNames => [.. DestinationCatalogue.BuiltIn.Types.Where(type => type.PageScript is not null).Select(type => type.Name)];

    /// <summary>What can send something, show something, keep something or compile text: the vendor's own library may, an inline script never.</summary>
    private static readonly string[] Never =
    [
        "window.fetch", "window.XMLHttpRequest", "window.WebSocket", "window.EventSource", "window.Image", "window.Worker", "window.eval", "window.Function", "window.open", "window.alert",
        "window.postMessage", "window.localStorage", "window.sessionStorage", "window.indexedDB", "window.history", "window.parent", "window.top", "window.opener", "window.frames",
        "window.navigator", "window.document", "window.crypto", "window.customElements", "document.cookie", "document.location", "document.body", "document.defaultView",
        "document.write", "document.writeln", "document.open", "timer",
    ];

    /// <summary>What an element's property or attribute may be set to beside these would be markup, a style or a handler.</summary>
    private static readonly string[] OfElements =
    [
        "element div", "element script", "element meta", "insert script", "insert meta", "meta.id", "script.async", "script.nonce", "script.src",
    ];

    [Fact]
    public void Reach_OfEveryType_IsWhatIsWrittenDown()
    {
        var text = new StringBuilder();
        var types = DestinationCatalogue.BuiltIn.Types.Where(type => type.PageScript is not null).ToList();
        // What all touch that have a library for the runtime to insert is the runtime's.
        var inserting = types.Select(type => HostilePage.Reach(type.Name)).Where(reach => reach.Contains("insert script")).ToList();
        var runtime = inserting[0].Where(what => inserting.TrueForAll(reach => reach.Contains(what))).ToList();
        Write("the runtime", runtime);
        foreach (var type in types) Write(type.Name, [.. HostilePage.Reach(type.Name).Except(runtime)]);
        Golden.Check("inline-reach.txt", text.ToString());

        void Write(string name, IReadOnlyList<string> reach)
        {
            Assert.DoesNotContain(reach, what => Never.Contains(what));
            Assert.All(reach.Where(what => !what.StartsWith("global ", StringComparison.Ordinal) && !what.StartsWith("window.", StringComparison.Ordinal)
                && !what.StartsWith("document.", StringComparison.Ordinal) && !what.Contains(" attribute ", StringComparison.Ordinal)), what => Assert.Contains(what, OfElements));
            text.Append(name).Append('\n');
            foreach (var what in reach.Order(StringComparer.Ordinal)) text.Append("  ").Append(what).Append('\n');
        }
    }

    /// <summary>
    /// Every type, with its examples, through grants and withdrawals, also on a page where every name is an element's: nothing is stopped, each library loads
    /// once, none runs that was withdrawn before it arrived, and nothing that was queued for it is left.
    /// </summary>
    [Theory]
    [MemberData(nameof(TypeNames))]
    public void Run_Examples_LoadUnderConsentAndLeaveNothingWaiting(string type) => Assert.NotEmpty(HostilePage.Reach(type));

    /// <summary>A destination that was withdrawn before its library arrived leaves nothing to one that is granted after it.</summary>
    [Theory]
    [MemberData(nameof(TypeNames))]
    public void Run_SecondDestinationAfterTheFirstWasWithdrawn_FindsNothingOfTheFirst(string type) =>
        Assert.All(HostilePage.StatesOfTheLast(type), states => Assert.Equal(states.Alone, states.AfterOthers));

    /// <summary>The page does not outvote us while consent is granted; after a withdrawal all that is left of ours says that it is denied.</summary>
    [Fact]
    public void Run_PageThatSpeaksOfConsentInTheDataLayer_FindsOurStateAfterItsOwnAndADenialAfterAWithdrawal()
    {
        var (granted, withdrawn) = HostilePage.ConsentInTheDataLayer();
        Assert.Equal("default granted, update page granted, update granted", granted);
        Assert.Equal("update page granted, update denied, update page denied, update denied", withdrawn);
    }

    /// <summary>Fails closed by construction: a vendor's script that does not find the runtime does nothing at all.</summary>
    [Theory]
    [MemberData(nameof(TypeNames))]
    public void Run_WithoutTheRuntime_TouchesNothing(string type) => Assert.Empty(HostilePage.TouchedWithoutRuntime(type));
}
