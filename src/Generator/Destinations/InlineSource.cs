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
        function removed(e,f){var p=e.parentNode;if(!p)return;new MutationObserver(function(_,o){if(e.isConnected)return;o.disconnect();f()}).observe(p,{childList:true})}

        """;

    /// <summary>
    /// <c>consent(key)</c>: a switch that is on while any element registered with it is in the document.
    /// <c>.hold(element)</c> registers one; <c>.start(tell)</c> installs the one function that tells the vendor: <c>tell(on, first)</c> is
    /// called with the present state, and then whenever it changes. A page has one switch a key, whatever is loaded again.
    /// </summary>
    /// <remarks>
    /// The state is always computed from what is connected, never from the order of events: withdrawn and granted again within one
    /// task leaves it on, although the removal is reported after the grant.
    /// </remarks>
    public const string Consent = Removed +
        """
        function consent(k){var a=w.__c15tConsent||(w.__c15tConsent=Object.create(null)),r=a[k];if(r)return r;
        function check(){e=e.filter(function(x){return x.isConnected});var on=e.length>0,f=r.on===undefined;if(r.tell&&on!==r.on){r.on=on;r.tell(on,f)}}
        var e=[];return r=a[k]={hold:function(x){e.push(x);removed(x,check);check()},start:function(t){if(r.tell)return false;r.tell=t;check();return true}}}

        """;

    /// <summary>
    /// <c>signals(key)</c>: several categories at once, for a vendor that is told a state of more than one part. <c>.grant(category, element)</c> registers
    /// what stands for a category and <c>.hold(element)</c> what stands for the destination itself; <c>.start(categories, tell)</c> installs the one function
    /// that tells the vendor: <c>tell(is, first)</c>, where <c>is(category)</c> says whether both are in the document. One call a change, after the client's pass.
    /// </summary>
    public const string Signals = Removed +
        """
        function signals(k){var a=w.__c15tSignals||(w.__c15tSignals=Object.create(null)),r=a[k];if(r)return r;
        var g=Object.create(null),main,names,tell,told,waits;
        function is(x){return !!(main&&main.isConnected&&g[x]&&g[x].isConnected)}
        function check(){if(!tell)return;var n=names.map(is).join(),f=told===undefined;if(n!==told){told=n;tell(is,f)}}
        function later(e){removed(e,check);if(tell&&!waits){waits=true;Promise.resolve().then(function(){waits=false;check()})}}
        return r=a[k]={grant:function(x,e){g[x]=e;later(e)},hold:function(e){main=e;later(e)},start:function(n,t){if(tell)return false;names=n;tell=t;check();return true}}}

        """;

    /// <summary>A grant for <see cref="Signals"/>: the configuration is the key and the category.</summary>
    public static string GrantSignal => Wrap(Signals + "signals(c[0]).grant(c[1],s);");

    /// <summary>A grant for <see cref="Consent"/>: the configuration is the switch's key.</summary>
    public static string Grant => Wrap(Consent + "consent(c).hold(s);");

    /// <summary>Wraps a body: <c>s</c> is the script's element, <c>c</c> its configuration, <c>w</c> the window, <c>d</c> the document.</summary>
    public static string Wrap(string body) =>
        "(function(w,d){var s=d.currentScript,c=JSON.parse(s.getAttribute(\"data-config\"));\n" + body.Trim() + "\n})(window,document);";
}
