namespace ConsentSnapshots.Generator.Destinations;

/// <summary>JavaScript that inline scripts of several types are composed of.</summary>
internal static class InlineSource
{
    /// <summary>
    /// <c>removed(element, callback)</c>: calls back once, when the element has left the document. The c15t client removes a script's
    /// element as soon as its category no longer holds, before any new snapshot could arrive, so this is the moment of withdrawal.
    /// </summary>
    /// <remarks>A MutationObserver's callback runs as a microtask: after the client's pass, before anything else on the page.</remarks>
    public const string Removed =
        """
        function removed(e,f){var p=e&&e.parentNode;if(!p||!window.MutationObserver)return;new MutationObserver(function(_,o){if(e.isConnected)return;o.disconnect();f()}).observe(p,{childList:true})}
        """;

    /// <summary>Wraps a body: <c>s</c> is the script's element, <c>c</c> its configuration, <c>w</c> the window, <c>d</c> the document.</summary>
    public static string Wrap(string body) =>
        "(function(w,d){var s=d.currentScript,c=JSON.parse(s.getAttribute(\"data-config\")||\"null\");" + body + "})(window,document);";
}
