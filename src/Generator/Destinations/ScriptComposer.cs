using System.Collections.Immutable;
using System.Text;
using System.Text.Json;
using ConsentSnapshots.Generator.Consent;
using ConsentSnapshots.Generator.ContentSecurity;
using ConsentSnapshots.Generator.Scripts;

namespace ConsentSnapshots.Generator.Destinations;

/// <summary>
/// Collects the scripts of one destination (or shared bootstrap): gives each its id and condition, so a type can neither forget the
/// required consent nor reuse an id.
/// </summary>
public sealed class ScriptComposer
{
    [ThreadStatic]
    private static JsonScratch? t_config;

    private readonly InlineScript? _pageScript;
    private readonly ImmutableArray<GrantDeclaration> _grants;
    private readonly string? _vendor;
    private readonly DestinationSettings? _settings;
    private readonly List<Script> _scripts;
    private ImmutableArray<CspSource> _contacts;
    private int _parts;
    private bool _asks;

    /// <summary>For a destination.</summary>
    internal ScriptComposer(string baseId, string key, ConsentCondition condition, DestinationSettings settings, bool testMode, List<Script> scripts, DestinationType type)
    {
        (BaseId, Key, Condition, _settings, TestMode, _scripts) = (baseId, key, condition, settings, testMode, scripts);
        (_pageScript, _grants, _vendor, _contacts) = (type.PageScript, type.Grants, type.Vendor, type.Hosts.Sources);
    }

    /// <summary>For a part that several types share.</summary>
    internal ScriptComposer(SharedBootstrap bootstrap, ConsentCondition condition, bool testMode, List<Script> scripts)
    {
        (BaseId, Key, Condition, TestMode, _scripts) = (bootstrap.Id, bootstrap.Id, condition, testMode, scripts);
        (_pageScript, _grants, _contacts) = (bootstrap.PageScript, bootstrap.Grants, VendorHosts.None.Sources);
    }

    /// <summary>The id of the first script; unique in the scope.</summary>
    public string BaseId { get; }

    /// <summary>What names the destination to the runtime: it stays the same when other destinations of its type come and go, as the id does not.</summary>
    public string Key { get; }

    /// <summary>Whether this is the first destination of its type, whose vendor objects have their usual names.</summary>
    public bool IsFirstOfType => !BaseId.Contains(':', StringComparison.Ordinal);

    /// <summary>A JavaScript name for this destination's own vendor object, where the usual one belongs to the first of the type.</summary>
    public string InstanceName => BaseId.Replace('-', '_').Replace(':', '_');

    /// <summary>The destination's settings.</summary>
    public DestinationSettings Settings => _settings ?? throw new InvalidOperationException("A shared bootstrap has no settings of its own.");

    /// <summary>When the destination may load: its required consent.</summary>
    public ConsentCondition Condition { get; private set; }

    /// <summary>Whether the organization said explicitly that it always loads: the required consent is <c>{necessary}</c>.</summary>
    public bool AlwaysLoads => Condition == ConsentCondition.Always;

    /// <summary>Makes the scripts that follow wait for one category more, where a setting says so.</summary>
    public void Require(ConsentCategory category) => Condition &= ConsentCondition.Of(category);

    /// <summary>Whether the row is in test mode: use the vendor's debug mode where it has one.</summary>
    public bool TestMode { get; }

    /// <summary>What a Content-Security-Policy must permit this destination besides its scripts: the vendor's hosts, and its own.</summary>
    internal ImmutableArray<CspSource> Contacts => _contacts;

    /// <summary>Says that the destination also uses a host that its settings name, or the site where they name a path.</summary>
    public void Contact(CspDirective directive, PageUrl? url)
    {
        if (url?.SourceFor(directive) is { } source) _contacts = _contacts.Add(source);
    }

    /// <summary>Says that the destination uses the site that shows the page itself.</summary>
    public void ContactSite(CspDirective directive) => _contacts = _contacts.Add(CspSource.Self(directive));

    /// <summary>Says that the vendor's library starts a worker from a blob that it makes.</summary>
    public void ContactBlobWorker() => _contacts = _contacts.Add(CspSource.Host(CspDirective.Worker, "blob:"));

    /// <summary>Says that data goes to a host of the organization's own, and that no host of the vendor's is used.</summary>
    public void ContactInstead(PageUrl host)
    {
        _contacts = _contacts.RemoveAll(static source => !source.IsScheme);
        Contact(CspDirective.Connect, host);
    }

    /// <summary>Says that data goes to a host of the organization's own instead of the vendor's, whose scripts are still loaded.</summary>
    public void ConnectInstead(PageUrl host)
    {
        _contacts = _contacts.RemoveAll(static source => source.Directive == CspDirective.Connect);
        Contact(CspDirective.Connect, host);
    }

    /// <summary>Says that the settings choose another set of the vendor's hosts than the usual one, such as a region's.</summary>
    public void ContactInstead(VendorHosts hosts) => _contacts = hosts.Sources;

    /// <summary>
    /// Adds the type's page script, with what the runtime inserts after it: the vendor's library. <paramref name="config"/> writes further properties of the
    /// configuration that the script reads.
    /// </summary>
    public void Start(VendorLibrary? library = null, Action<Utf8JsonWriter>? config = null) =>
        Add(new Script
        {
            Id = NextId(),
            Category = Condition,
            Inline = _pageScript ?? throw new InvalidOperationException($"There is no page script for {BaseId}."),
            Library = library?.Source,
            Config = Write(writer =>
            {
                writer.WriteStartObject();
                writer.WriteString("key", Key);
                if (_asks) writer.WriteBoolean("asks", true);
                library?.WriteTo(writer, "load");
                config?.Invoke(writer);
                writer.WriteEndObject();
            }),
        });

    /// <summary>
    /// Adds the script that stands for the grant of one category more: the client holds it exactly while the destination may load and the category is
    /// granted. The type's page script asks for it by the category's name, and the type declares it among its grants.
    /// </summary>
    /// <exception cref="InvalidOperationException">The type declares no such grant.</exception>
    public void Grant(ConsentCategory category) => AddGrant(Declared(grant => grant.Name == category.Name() && grant.Category == category));

    /// <summary>
    /// Says what stands for the visitor's consent to being tracked by this destination: what it requires, or, where it always loads, the category of the grant that the type
    /// declares under the name <c>granted</c>, which then has a script of its own. The type's page script asks for it by that name.
    /// </summary>
    /// <exception cref="InvalidOperationException">The type declares no such grant.</exception>
    public void GrantTracking()
    {
        var tracking = Declared(static grant => grant.Name == GrantDeclaration.Tracking);
        if (!AlwaysLoads) return;
        _asks = true;
        AddGrant(tracking);
    }

    private GrantDeclaration Declared(Func<GrantDeclaration, bool> isIt)
    {
        foreach (var grant in _grants)
            if (isIt(grant)) return grant;
        throw new InvalidOperationException($"{BaseId} uses a grant that its type does not declare.");
    }

    private void AddGrant(GrantDeclaration grant) =>
        Add(new Script
        {
            Id = $"{BaseId}:{grant.Name}",
            Category = Condition & ConsentCondition.Of(grant.Category),
            Inline = PageScripts.Grant,
            Config = Write(writer =>
            {
                writer.WriteStartArray();
                writer.WriteStringValue(Key);
                writer.WriteStringValue(grant.Name);
                writer.WriteEndArray();
            }),
        });

    /// <summary>Adds inline text that the organization wrote itself.</summary>
    public void OwnInline(string text, Func<Script, Script>? adjust = null) =>
        Add(Adjusted(new Script { Id = NextId(), Category = Condition, InlineText = text }, adjust));

    /// <summary>Adds an external script.</summary>
    public void Load(PageUrl source, Func<Script, Script>? adjust = null) => Add(Adjusted(new Script { Id = NextId(), Category = Condition, Source = source }, adjust));

    /// <summary>
    /// Adds the library of a vendor that is told nothing. It stays on the page when consent is withdrawn (its code cannot be unloaded, and a second element would
    /// run it twice), and destinations of the scope that load the same URL with the same attributes share one element. An attribute without a value is left out.
    /// </summary>
    public void LoadVendor(PageUrl source, IEnumerable<(string Name, string? Value)> attributes, bool defer = true)
    {
        var set = attributes.Where(attribute => attribute.Value is not null).Select(attribute => KeyValuePair.Create(attribute.Name, attribute.Value!)).ToImmutableArray();
        Load(source, script => script with
        {
            Async = defer ? null : true,
            Defer = defer,
            Attributes = set,
            PersistAfterConsentRevoked = true,
            SharedKey = $"{source.Text} {string.Join(' ', set)}",
        });
    }

    private static Script Adjusted(Script script, Func<Script, Script>? adjust)
    {
        if (adjust is null) return script;
        var adjusted = adjust(script);
        return adjusted with { Id = script.Id, Category = script.Category };
    }

    private string NextId() => ++_parts == 1 ? BaseId : $"{BaseId}:{_parts}";

    private void Add(Script script)
    {
        if (!script.Category.IsNever) _scripts.Add(_vendor is null ? script : script with { Vendor = _vendor });
    }

    private static string Write(Action<Utf8JsonWriter> config)
    {
        var scratch = t_config ??= new JsonScratch(ScriptJson.ConfigWriterOptions);
        config(scratch.Begin());
        scratch.Flush();
        return Encoding.UTF8.GetString(scratch.Written);
    }
}
