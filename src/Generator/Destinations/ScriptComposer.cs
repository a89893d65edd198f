using System.Buffers;
using System.Text;
using System.Text.Json;
using ConsentSnapshots.Generator.Consent;
using ConsentSnapshots.Generator.Scripts;

namespace ConsentSnapshots.Generator.Destinations;

/// <summary>
/// Collects the scripts of one destination (or shared bootstrap): gives each its id and condition, so a type can neither forget the
/// required consent nor reuse an id.
/// </summary>
public sealed class ScriptComposer
{
    [ThreadStatic]
    private static ArrayBufferWriter<byte>? t_configBuffer;

    private readonly string _baseId;
    private readonly List<Script> _scripts;
    private int _parts;

    internal ScriptComposer(string baseId, ConsentCondition condition, DestinationSettings? settings, bool testMode, List<Script> scripts)
    {
        _baseId = baseId;
        Condition = condition;
        _settings = settings;
        TestMode = testMode;
        _scripts = scripts;
    }

    private readonly DestinationSettings? _settings;

    /// <summary>The destination's settings.</summary>
    public DestinationSettings Settings => _settings ?? throw new InvalidOperationException("A shared bootstrap has no settings of its own.");

    /// <summary>When the destination may load: its required consent.</summary>
    public ConsentCondition Condition { get; }

    /// <summary>Whether the row is in test mode: use the vendor's debug mode where it has one.</summary>
    public bool TestMode { get; }

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
            Id = $"{_baseId}:{category.Name()}",
            Category = Condition & ConsentCondition.Of(category),
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

    private static Script Adjusted(Script script, Func<Script, Script>? adjust)
    {
        if (adjust is null) return script;
        var adjusted = adjust(script);
        return adjusted with { Id = script.Id, Category = script.Category };
    }

    private string NextId() => ++_parts == 1 ? _baseId : $"{_baseId}:{_parts}";

    private void Add(Script script)
    {
        if (!script.Category.IsNever) _scripts.Add(script);
    }

    private static string Write(Action<Utf8JsonWriter> config)
    {
        var buffer = t_configBuffer ??= new ArrayBufferWriter<byte>(1024);
        buffer.ResetWrittenCount();
        using (var writer = new Utf8JsonWriter(buffer, ScriptJson.ConfigWriterOptions)) config(writer);
        return Encoding.UTF8.GetString(buffer.WrittenSpan);
    }
}
