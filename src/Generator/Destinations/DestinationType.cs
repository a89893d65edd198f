using System.Collections.Immutable;
using System.Text.Json;
using ConsentSnapshots.Generator.Consent;
using ConsentSnapshots.Generator.ContentSecurity;
using ConsentSnapshots.Generator.Scripts;

namespace ConsentSnapshots.Generator.Destinations;

/// <summary>
/// An entry of the catalogue: what a vendor's destination is called, which settings it takes, and the scripts it becomes. One file a
/// type, stateless, and a line in <see cref="DestinationCatalogue"/>.
/// </summary>
public abstract class DestinationType
{
    private readonly Lazy<InlineScript?> _pageScript;
    private SettingFields? _knownFields;

    /// <summary>Finds the type's inline script by its name.</summary>
    protected DestinationType() => _pageScript = new(() => PageScripts.Find(Name));

    /// <summary>The canonical name: the <c>type</c> of a row and the id of the first script.</summary>
    public abstract string Name { get; }

    /// <summary>Other names a row may have.</summary>
    public virtual ImmutableArray<string> Aliases => [];

    /// <summary>The vendor's name for people.</summary>
    public abstract string Title { get; }

    /// <summary>The vendor's slug, which its scripts and its entry among a list's <c>vendors</c> have; null where nobody in particular is behind the type.</summary>
    public virtual string? Vendor => Name;

    /// <summary>Who is behind the type; null where nobody in particular is.</summary>
    public virtual VendorIdentity? Identity => null;

    /// <summary>The page on which the vendor says that its library leaves nothing in the browser; null where it leaves something, or nobody says.</summary>
    public virtual Uri? LeavesNothing => null;

    /// <summary>The scripts of the type that stand for grants, and what each stands for.</summary>
    public virtual ImmutableArray<GrantDeclaration> Grants => [];

    /// <summary>The consent category of a row that names none, unless one of <see cref="CategoryRules"/> says another.</summary>
    public abstract ConsentCategory DefaultCategory { get; }

    /// <summary>Settings that say what a destination is for, and so give a row that names no category another default; the first rule that applies counts.</summary>
    public virtual ImmutableArray<CategoryRule> CategoryRules => [];

    /// <summary>
    /// The consent category of a row that names none and has these settings, in the clear. Whoever decides under which consent a destination loads, or checks
    /// that decision, asks here.
    /// </summary>
    public ConsentCategory DefaultCategoryFor(JsonElement settings)
    {
        foreach (var rule in CategoryRules)
            if (rule.AppliesTo(settings, KnownFields)) return rule.Category;
        return DefaultCategory;
    }

    /// <summary><see cref="DefaultCategory"/> and <see cref="CategoryRules"/> for a person: "measurement; marketing where id is …".</summary>
    public string DefaultCategoryInWords =>
        string.Join("; ", CategoryRules.Select(rule => $"{rule.Category.Name()} where {rule.Setting} is {rule.ValueInWords}").Prepend(DefaultCategory.Name()));

    /// <summary>The vendor's documentation of the snippet that the scripts follow.</summary>
    public abstract Uri Homepage { get; }

    /// <summary>Every setting of its own the type knows, the private ones included.</summary>
    public abstract ImmutableArray<SettingField> Fields { get; }

    /// <summary>Two examples of its settings.</summary>
    public abstract SettingsExamples Examples { get; }

    /// <summary>The settings every type has besides its own.</summary>
    public static ImmutableArray<SettingField> CommonFields { get; } =
    [
        new(EnableClientSide, SettingKind.Flag, "Whether a browser loads anything for it; false leaves it to the server.") { DefaultJson = "true" },
        new("enableServerSide", SettingKind.Flag, "Whether the control plane's server sends events; no matter of a browser's.") { DefaultJson = "true", Visibility = SettingVisibility.Private },
    ];

    /// <summary>The settings of its own, then those every type has.</summary>
    public ImmutableArray<SettingField> AllFields => Fields.AddRange(CommonFields);

    /// <summary>The settings that are read from this key of a settings object; none where nothing reads it.</summary>
    public ImmutableArray<SettingField> FieldsOf(string key) => [.. AllFields.Where(field => field.Names.Contains(key))];

    /// <summary>The common setting that switches off all scripts of a destination.</summary>
    internal const string EnableClientSide = "enableClientSide";

    /// <summary>The type's inline script, the file <c>{Name}.js</c> beside it; null where the vendor needs nothing beside its library.</summary>
    public virtual InlineScript? PageScript => _pageScript.Value;

    /// <summary>Every constant inline script that a list can have because of the type.</summary>
    public ImmutableArray<InlineScript> InlineScripts =>
        PageScript is null ? [] : [PageScripts.Runtime, PageScripts.Grant, .. Bootstrap is null ? [] : (ReadOnlySpan<InlineScript>)[Bootstrap.PageScript], PageScript];

    /// <summary>The hosts the vendor uses in a page; see <see cref="VendorHosts"/> for what counts as known.</summary>
    public virtual VendorHosts Hosts => VendorHosts.None;

    /// <summary>What the vendor's library leaves in the browser, as far as its documentation or its source says.</summary>
    public virtual ImmutableArray<StoredName> StoredNames => [];

    /// <summary>Why <see cref="StoredNames"/> has no name, or not all, as a sentence without its full stop; null where it has all that the sources name.</summary>
    public virtual string? NotDeclaredBecause => null;

    /// <summary>What the vendor's library does when consent is withdrawn after it has run; where it goes on, a page has to be left.</summary>
    public virtual WithdrawalEffect AfterWithdrawal => WithdrawalEffect.GoesOn;

    /// <summary>How the scripts compare with the npm package's; null is not an answer, and a test says so.</summary>
    public virtual PackageComparison? Package => null;

    /// <summary>What must stand once in a snapshot before any script of this and related types; null for most.</summary>
    public virtual SharedBootstrap? Bootstrap => null;

    /// <summary>Adds rules between settings that one field alone cannot state.</summary>
    protected internal virtual void Check(DestinationSettings settings, List<SettingProblem> problems)
    {
    }

    /// <summary>Adds the scripts of one destination, in the order the page is to run them. Adding none is right for a type that has none.</summary>
    protected internal abstract void Compose(ScriptComposer scripts);

    /// <summary>All its settings, found by any of their names.</summary>
    public SettingFields KnownFields => _knownFields ??= new SettingFields(AllFields);
}

/// <summary>
/// Scripts that several destinations of related types share, placed once before the first of them: Google's consent state, which
/// must be known before any Google tag runs.
/// </summary>
public abstract class SharedBootstrap
{
    private readonly Lazy<InlineScript> _pageScript;

    /// <summary>Finds its inline script by its id.</summary>
    protected SharedBootstrap() => _pageScript = new(() => PageScripts.Find(Id) ?? throw new InvalidOperationException($"The build embedded no script {Id}.js."));

    /// <summary>The id of its main script; further ones are this, a colon and what they stand for.</summary>
    public abstract string Id { get; }

    /// <summary>Its inline script, <c>{Id}.js</c>.</summary>
    public virtual InlineScript PageScript => _pageScript.Value;

    /// <summary>Its scripts that stand for grants, and what each stands for.</summary>
    public virtual ImmutableArray<GrantDeclaration> Grants => [];

    /// <summary>
    /// Which signals its configuration tells (<c>signals</c>: by name a list of grants that all have to be held, or <c>false</c> for never), and what each needs unless a destination's
    /// settings say otherwise; null where it tells none.
    /// </summary>
    public virtual SignalMapping? Mapping => null;

    /// <summary>Under which consent a signal is granted while <paramref name="users"/> are the valid destinations of the scope that share this.</summary>
    /// <exception cref="ArgumentException">There is no such signal.</exception>
    public virtual ConsentCondition ConditionOf(string signal, IReadOnlyList<BootstrapUser> users) => throw new ArgumentException($"{Id} has no signal '{signal}'.", nameof(signal));

    /// <summary>Adds the shared scripts; <paramref name="users"/> are the valid destinations of the scope that need them, in order.</summary>
    protected internal abstract void Compose(ScriptComposer scripts, IReadOnlyList<BootstrapUser> users);
}

/// <summary>What a vendor's consent signals need.</summary>
/// <param name="Setting">The setting of a destination that replaces <paramref name="Default"/>: an object with a list of signals for each category.</param>
/// <param name="Default">The signals that each category grants.</param>
public sealed record SignalMapping(string Setting, ImmutableArray<(ConsentCategory Category, ImmutableArray<string> Signals)> Default);

/// <summary>A destination that needs a <see cref="SharedBootstrap"/>.</summary>
/// <param name="Type">Its type.</param>
/// <param name="Settings">Its settings.</param>
/// <param name="Condition">When it may load.</param>
/// <param name="TestMode">Whether the row is in test mode.</param>
public sealed record BootstrapUser(DestinationType Type, DestinationSettings Settings, ConsentCondition Condition, bool TestMode);
