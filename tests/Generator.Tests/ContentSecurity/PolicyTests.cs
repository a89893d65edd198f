using System.Text;
using System.Text.Json.Nodes;
using ConsentSnapshots.Generator.Consent;
using ConsentSnapshots.Generator.ContentSecurity;
using ConsentSnapshots.Generator.Destinations;
using ConsentSnapshots.Generator.Scripts;
using ConsentSnapshots.Generator.Snapshots;

namespace ConsentSnapshots.Generator.Tests.ContentSecurity;

/// <summary>What a strict Content-Security-Policy needs, in the metadata of each snapshot.</summary>
public sealed class PolicyTests
{
    public static TheoryData<string> TypeNames => Samples.TypeNames;

    [Theory]
    [InlineData]
    [InlineData("necessary")]
    [InlineData("measurement", "marketing")]
    public void Policy_OfEverySet_IsWhatItsScriptsNeed(params string[] required)
    {
        var generated = Samples.Generate(Samples.Everything(required));
        // What each destination needs alone: settings may choose another region's hosts than the usual ones.
        var alone = Samples.Everything(required).GroupBy(row => row.Row.Type)
            .ToDictionary(rows => rows.Key, rows => Policy(Samples.Generate(rows), ConsentSet.Everything).Values.SelectMany(entries => entries).ToList());
        foreach (var set in ConsentSet.All)
        {
            var policy = Policy(generated, set);
            var hashes = new HashSet<string>();
            var origins = new HashSet<string>();
            var destinations = new HashSet<string>();
            foreach (var script in generated.Scripts(set))
            {
                destinations.Add(((string)script!["id"]!).Split(':')[0]);
                if (script["textContent"] is { } text) hashes.Add($"'{InlineScript.HashFor((string)text!)}'");
            }
            foreach (var source in generated.Scripts(set).Sources()) origins.Add(source.Host == Samples.Site.Host ? "'self'" : source.GetLeftPart(UriPartial.Authority));
            Assert.Equal(hashes.Order(StringComparer.Ordinal), policy.GetValueOrDefault("script-src", []).Where(entry => entry.StartsWith("'sha", StringComparison.Ordinal)));
            Assert.Subset(policy.GetValueOrDefault("script-src", []).ToHashSet(), origins);
            if (destinations.Count == 0) Assert.Empty(policy);
            // Nothing but what stands in it: a vendor that is absent has no host here.
            var known = DestinationCatalogue.BuiltIn.Types.Where(type => destinations.Contains(type.Name)).SelectMany(type => type.Hosts.Sources)
                .Select(host => host.Value).Concat(destinations.SelectMany(type => alone.GetValueOrDefault(type, []))).ToHashSet();
            Assert.All(policy.Values.SelectMany(entries => entries),
                entry => Assert.True(entry.StartsWith('\'') || known.Any(host => Covers(host, entry)) || origins.Contains(entry) || entry.Contains(".example", StringComparison.Ordinal), entry));
            AssertOrdered(policy);
        }
    }

    private static bool Covers(string host, string entry) =>
        host == entry || (host.StartsWith("https://*.", StringComparison.Ordinal) && entry.EndsWith(host["https://*".Length..], StringComparison.Ordinal));

    [Fact]
    public void Policy_BaseMetadata_ComesFirst()
    {
        var metadata = JsonNode.Parse(Samples.Generate(Samples.Least("meta-pixel"))[ConsentSet.Everything].Bytes.Span)!["metadata"]!.AsObject();
        Assert.Equal(["schema", "destinationCount", "scriptCount", "csp"], metadata.Select(property => property.Key));
    }

    [Theory]
    [MemberData(nameof(TypeNames))]
    public void Type_Hosts_CoverItsDefaultLoaders(string name)
    {
        Assert.True(DestinationCatalogue.BuiltIn.TryGet(name, out var type));
        if (name == "script") return; // whose URL is the organization's
        var sources = Samples.Generate(Samples.Least(name, 1, "necessary")).Scripts(ConsentSet.Everything).Sources().ToList();
        if (name != "console") Assert.NotEmpty(sources);
        // What the site itself serves is permitted by its path.
        foreach (var source in sources.Where(source => source.Host != Samples.Site.Host))
            Assert.True(type.Hosts.Script.Any(host => Matches(host, source.Host)),
                $"{type.GetType().Name}.Hosts.Script does not name the host of {source}. Declare there what the vendor documents, with its source.");
    }

    /// <summary>The runtime inserts a vendor's library, which is therefore no entry of the list; a strict policy must permit it all the same.</summary>
    [Fact]
    public void Policy_LibraryThatTheRuntimeInserts_IsInItWhereItsDestinationIs()
    {
        var generated = Samples.Generate(
            Samples.Row("meta-pixel", """{"pixelId":"1","scriptSrc":"https://one.example/a.js"}""", 1, "marketing"),
            Samples.Row("posthog", """{"id":"phc_x","scriptUrl":"https://two.example:444/b.js"}""", 2, "measurement"));
        foreach (var set in ConsentSet.All)
        {
            Assert.DoesNotContain(generated.Scripts(set), script => script!["src"] is not null);
            var sources = Policy(generated, set).GetValueOrDefault("script-src", []);
            Assert.Equal(set.Contains(ConsentCategory.Marketing), sources.Contains("https://one.example"));
            Assert.Equal(set.Contains(ConsentCategory.Measurement), sources.Contains("https://two.example:444"));
            Assert.Equal(sources.Length > 0, sources.Contains($"'{PageScripts.Runtime.CspHash}'"));
        }
    }

    [Theory]
    [InlineData("posthog", """{"id":"phc_x"}""", "connect-src", "https://*.posthog.com")]
    [InlineData("posthog", """{"id":"phc_x","apiHost":"https://ph.example:8443/in/"}""", "connect-src", "https://ph.example:8443")]
    [InlineData("posthog", """{"id":"phc_x","apiHost":"https://ph.example"}""", "script-src", "https://ph.example")]
    [InlineData("posthog", """{"id":"phc_x","apiHost":"https://ph.example","scriptUrl":"https://cdn.example/a.js"}""", "script-src", "https://cdn.example https://ph.example")]
    [InlineData("posthog", """{"id":"phc_x"}""", "worker-src", "blob:")]
    [InlineData("posthog", """{"id":"phc_x","apiHost":"https://ph.example"}""", "worker-src", "blob:")]
    [InlineData("mixpanel", """{"token":"0123456789abcdef0123456789abcdef","initOptions":{"record_canvas":true}}""", "worker-src", "blob:")]
    [InlineData("mixpanel", """{"token":"0123456789abcdef0123456789abcdef","initOptions":{"record_sessions_percent":1}}""", "worker-src", "")]
    [InlineData("mixpanel", """{"token":"0123456789abcdef0123456789abcdef","initOptions":{"api_host":"https://mp.example"}}""", "connect-src", "https://mp.example")]
    [InlineData("mixpanel", """{"token":"0123456789abcdef0123456789abcdef","initOptions":{"api_host":"https://mp.example"}}""", "script-src", "https://cdn.mxpnl.com")]
    [InlineData("amplitude", """{"apiKey":"a","initOptions":{"serverZone":"EU"}}""", "connect-src", "https://api.eu.amplitude.com https://diagnostics.prod.eu-central-1.amplitude.com https://sr-client-cfg.eu.amplitude.com")]
    [InlineData("ahrefs-analytics", """{"key":"a","scriptUrl":"https://ah.example/a.js"}""", "connect-src", "https://ah.example")]
    [InlineData("hightouch", """{"writeKey":"a","apiHost":"ht.example:8443/in"}""", "connect-src", "https://ht.example:8443")]
    [InlineData("segment", """{"writeKey":"a","scriptUrl":"https://seg.example/a.js"}""", "connect-src", "https://api.segment.io https://cdn.segment.com https://seg.example")]
    [InlineData("rudderstack", """{"writeKey":"a","dataPlaneUrl":"https://rs.example/x","loadOptions":{"configUrl":"https://cfg.example"}}""", "connect-src", "https://api.rudderstack.com https://cfg.example https://rs.example")]
    [InlineData("rybbit-analytics", """{"siteId":"1","analyticsHost":"https://ry.example/api"}""", "connect-src", "https://ry.example")]
    [InlineData("databuddy", """{"clientId":"a","apiUrl":"https://db.example"}""", "connect-src", "https://db.example")]
    [InlineData("plausible-analytics", """{"scriptId":"a","endpoint":"https://pl.example/e"}""", "connect-src", "https://pl.example")]
    [InlineData("matomo-analytics", """{"matomoUrl":"https://ma.example/m"}""", "connect-src", "https://ma.example")]
    [InlineData("matomo-analytics", """{"matomoUrl":"https://ma.example/m"}""", "img-src", "https://ma.example")]
    [InlineData("promptwatch", """{"projectId":"a","scriptUrl":"https://pw.example/a.js"}""", "connect-src", "https://pw.example")]
    [InlineData("umami-analytics", """{"websiteId":"a","scriptUrl":"https://um.example/u.js"}""", "connect-src", "https://um.example")]
    [InlineData("umami-analytics", """{"websiteId":"a","scriptUrl":"https://um.example/u.js","hostUrl":"https://in.example"}""", "connect-src", "https://in.example")]
    [InlineData("google-analytics", """{"id":"G-A","customParameters":{"server_container_url":"https://gtm.example/x"}}""", "connect-src", "https://*.analytics.google.com https://*.google-analytics.com https://*.googletagmanager.com https://gtm.example")]
    [InlineData("meta-pixel", """{"pixelId":"1","scriptSrc":"https://fb.example/a.js"}""", "script-src", "https://connect.facebook.net https://fb.example")]
    [InlineData("script", """{"src":"https://own.example:444/a.js"}""", "script-src", "https://own.example:444")]
    [InlineData("script", """{"src":"https://bücher.example/a.js"}""", "script-src", "https://xn--bcher-kva.example")]
    [InlineData("script", """{"src":"https://[2001:db8::1]/a.js"}""", "script-src", "")]
    public void Policy_HostsOfSettings_AreInIt(string type, string settings, string directive, string hosts)
    {
        var generated = Samples.Generate(Samples.Row(type, settings));
        Assert.Empty(generated.Problems);
        Assert.Equal(hosts, string.Join(' ', Policy(generated, ConsentSet.Everything).GetValueOrDefault(directive, []).Where(entry => !entry.StartsWith('\''))));
    }

    [Fact]
    public void Policy_OwnInlineText_IsAllowedByItsHash()
    {
        var generated = Samples.Generate(Samples.Row("script", """{"textContent":"window.own = '\u2028</script>é';\r\n"}"""));
        Assert.Equal([$"'{InlineScript.HashFor("window.own = '\u2028</script>é';\r\n")}'"], Policy(generated, ConsentSet.Everything)["script-src"]);
    }

    [Theory]
    [MemberData(nameof(TypeNames))]
    public void Type_Hosts_HaveASource(string name)
    {
        Assert.True(DestinationCatalogue.BuiltIn.TryGet(name, out var type));
        var hosts = type.Hosts;
        Assert.All(hosts.Sources, source => Assert.Matches("^(https|wss)://(\\*\\.)?[a-z0-9-]+(\\.[a-z0-9-]+)+$|^(blob|data):$|^'self'$", source.Value));
        // The schemes are no place scripts may come from.
        Assert.All(hosts.Script, host => Assert.True(host == "'self'" || host.StartsWith("https://", StringComparison.Ordinal), host));
        if (name is not ("console" or "script")) Assert.NotEmpty(hosts.Script);
        if (hosts.Basis != HostBasis.Snippet) Assert.NotNull(hosts.Documentation);
        Assert.Equal(Uri.UriSchemeHttps, (hosts.Documentation ?? type.Homepage).Scheme);
        Assert.False(hosts.Withheld?.EndsWith('.') ?? false);
    }

    [Theory]
    [InlineData("crisp")]
    [InlineData("heap")]
    [InlineData("logrocket")]
    [InlineData("posthog")]
    public void Type_WhoseLibraryStartsAWorker_GrantsItOrSaysThatItDoesNot(string name)
    {
        Assert.True(DestinationCatalogue.BuiltIn.TryGet(name, out var type));
        Assert.True(type.Hosts.Worker.Contains("blob:") || type.Hosts.Withheld?.Contains("worker-src blob:", StringComparison.Ordinal) == true);
    }

    [Theory]
    [InlineData("https://a.example;script-src *")]
    [InlineData("https://a.example 'unsafe-inline'")]
    [InlineData("https://a.example,b")]
    [InlineData("*")]
    [InlineData("https:")]
    [InlineData("'unsafe-inline'")]
    public void Host_MoreThanAHost_Throws(string host) => Assert.Throws<ArgumentException>(() => CspSource.Host(CspDirective.Script, host));

    [Fact]
    public void Policy_OrderOfDestinations_DoesNotMatter()
    {
        string Text(IEnumerable<OpenedDestination> rows) =>
            JsonNode.Parse(Samples.Generate(rows)[ConsentSet.Everything].Bytes.Span)!["metadata"]!["csp"]!.ToJsonString();
        var types = Samples.Settings.Keys.ToList();
        var forward = types.Select((type, index) => Samples.Least(type, index + 1));
        var backward = types.AsEnumerable().Reverse().Select((type, index) => Samples.Least(type, index + 1));
        Assert.Equal(Text(forward), Text(backward));
    }

    private static Dictionary<string, string[]> Policy(GeneratedScope generated, ConsentSet set) =>
        JsonNode.Parse(Encoding.UTF8.GetString(generated[set].Bytes.Span))!["metadata"]!["csp"]!.AsObject()
            .ToDictionary(directive => directive.Key, directive => directive.Value!.AsArray().Select(entry => (string)entry!).ToArray());

    private static void AssertOrdered(Dictionary<string, string[]> policy)
    {
        string[] directives = [.. Enum.GetValues<CspDirective>().Select(directive => directive.Name())];
        Assert.Equal(policy.Keys.OrderBy(name => Array.IndexOf(directives, name)), policy.Keys);
        Assert.All(policy.Values, entries =>
        {
            Assert.NotEmpty(entries);
            Assert.Equal(entries.Distinct().OrderBy(entry => entry.StartsWith('\'')).ThenBy(entry => entry, StringComparer.Ordinal), entries);
            Assert.All(entries, entry => Assert.DoesNotContain(entry, character => character is <= ' ' or ';' or ',' or '"' or '\\' or > '~'));
        });
    }

    private static bool Matches(string source, string host) =>
        source.Contains('*', StringComparison.Ordinal) ? host.EndsWith(source[(source.IndexOf('*', StringComparison.Ordinal) + 1)..], StringComparison.Ordinal) : source == $"https://{host}";
}
