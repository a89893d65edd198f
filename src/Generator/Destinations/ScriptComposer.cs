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

    private readonly DestinationSettings? _settings;
    private readonly List<Script> _scripts;
    private ImmutableArray<CspSource> _contacts;
    private int _parts;

    internal ScriptComposer(
        string baseId, ConsentCondition condition, DestinationSettings? settings, bool testMode, List<Script> scripts, VendorHosts? hosts = null)
    {
        BaseId = baseId;
        Condition = condition;
        _settings = settings;
        TestMode = testMode;
        _scripts = scripts;
        _contacts = (hosts ?? VendorHosts.None).Sources;
    }

    /// <summary>The id of the first script; unique in the scope, so it also names the destination to its own scripts.</summary>
    public string BaseId { get; }

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

    /// <summary>Says that the destination also uses a host that its settings name.</summary>
    public void Contact(CspDirective directive, Uri? url)
    {
        if (url is not null && CspSource.Origin(directive, url) is { } origin) _contacts = _contacts.Add(origin);
    }

    /// <summary>Says that the vendor's library starts a worker from a blob that it makes.</summary>
    public void ContactBlobWorker() => _contacts = _contacts.Add(CspSource.Host(CspDirective.Worker, "blob:"));

    /// <summary>Says that data goes to a host of the organization's own, and that no host of the vendor's is used.</summary>
    public void ContactInstead(Uri host)
    {
        _contacts = _contacts.RemoveAll(static source => !source.IsScheme);
        Contact(CspDirective.Connect, host);
    }

    /// <summary>Says that data goes to a host of the organization's own instead of the vendor's, whose scripts are still loaded.</summary>
    public void ConnectInstead(Uri host)
    {
        _contacts = _contacts.RemoveAll(static source => source.Directive == CspDirective.Connect);
        Contact(CspDirective.Connect, host);
    }

    /// <summary>Says that the settings choose another set of the vendor's hosts than the usual one, such as a region's.</summary>
    public void ContactInstead(VendorHosts hosts) => _contacts = hosts.Sources;

    /// <summary>Adds a constant inline script; <paramref name="config"/> writes the value it finds in <c>data-config</c>.</summary>
    public void Inline(InlineScript script, Action<Utf8JsonWriter>? config = null) =>
        Add(new Script { Id = NextId(), Category = Condition, Inline = script, Config = config is null ? null : Write(config) });

    /// <summary>
    /// Adds a constant inline script that stands for the grant of one category more: it is there exactly while the destination may
    /// load and the category is granted. It runs on the grant, and (see <see cref="InlineSource"/>) notices its own removal.
    /// </summary>
    public void InlineWhileGranted(ConsentCategory category, InlineScript script, Action<Utf8JsonWriter>? config = null) =>
        Add(new Script
        {
            Id = $"{BaseId}:{category.Name()}",
            Category = Condition & ConsentCondition.Of(category),
            Inline = script,
            Config = config is null ? null : Write(config),
        });

    /// <summary>
    /// Adds the constant inline script that stands for the visitor's consent to being tracked by this destination: what it requires,
    /// or, where it always loads, <paramref name="category"/>. It is there exactly while that is granted.
    /// </summary>
    public void InlineWhileTrackingGranted(ConsentCategory category, InlineScript script, Action<Utf8JsonWriter>? config = null) =>
        Add(new Script
        {
            Id = $"{BaseId}:granted",
            Category = AlwaysLoads ? ConsentCondition.Of(category) : Condition,
            Inline = script,
            Config = config is null ? null : Write(config),
        });

    /// <summary>Adds inline text that the organization wrote itself.</summary>
    public void OwnInline(string text, Func<Script, Script>? adjust = null) =>
        Add(Adjusted(new Script { Id = NextId(), Category = Condition, InlineText = text }, adjust));

    /// <summary>Adds an external script.</summary>
    /// <exception cref="ArgumentException">The URL is not absolute https.</exception>
    public void Load(Uri source, Func<Script, Script>? adjust = null)
    {
        if (!source.IsAbsoluteUri || source.Scheme != Uri.UriSchemeHttps) throw new ArgumentException("A script's URL is absolute and https.", nameof(source));
        Add(Adjusted(new Script { Id = NextId(), Category = Condition, Source = source }, adjust));
    }

    /// <summary>
    /// Adds the vendor's own script. It stays on the page when consent is withdrawn (its code cannot be unloaded, and a second element would
    /// run it twice), and destinations of the scope that load the same URL share one element.
    /// </summary>
    /// <remarks>
    /// Where a page has room for one destination of the type (<paramref name="onePerPage"/>), the scripts of the first set it up; so of those that need
    /// the same consent only the first one's library is loaded, whatever URL the others have. One that needs another consent may come to a page without the first, and keeps its own.
    /// </remarks>
    public void LoadVendor(Uri source, Func<Script, Script>? adjust = null, bool onePerPage = false) =>
        Load(source, script =>
        {
            var loader = script with { Async = true, PersistAfterConsentRevoked = true, SharedKey = onePerPage ? OnePerPageKey : source.AbsoluteUri };
            return adjust is null ? loader : adjust(loader);
        });

    /// <summary>
    /// Adds the vendor's own script where its element's attributes are its whole configuration. Destinations share it only where
    /// these are the same too. An attribute without value is left out.
    /// </summary>
    public void LoadVendor(Uri source, IEnumerable<(string Name, string? Value)> attributes, bool defer = true, bool onePerPage = false)
    {
        var set = attributes.Where(attribute => attribute.Value is not null).Select(attribute => KeyValuePair.Create(attribute.Name, attribute.Value!)).ToImmutableArray();
        LoadVendor(source, script => script with
        {
            Async = defer ? null : true,
            Defer = defer,
            Attributes = set,
            SharedKey = onePerPage ? OnePerPageKey : $"{source.AbsoluteUri} {string.Join(' ', set)}",
        });
    }

    private string OnePerPageKey => $"{BaseId.Split(':')[0]} {Condition}";

    private static Script Adjusted(Script script, Func<Script, Script>? adjust)
    {
        if (adjust is null) return script;
        var adjusted = adjust(script);
        return adjusted with { Id = script.Id, Category = script.Category };
    }

    private string NextId() => ++_parts == 1 ? BaseId : $"{BaseId}:{_parts}";

    private void Add(Script script)
    {
        if (!script.Category.IsNever) _scripts.Add(script);
    }

    private static string Write(Action<Utf8JsonWriter> config)
    {
        var scratch = t_config ??= new JsonScratch(ScriptJson.ConfigWriterOptions);
        config(scratch.Begin());
        scratch.Flush();
        return Encoding.UTF8.GetString(scratch.Written);
    }
}
