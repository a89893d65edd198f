using System.Collections.Immutable;
using System.Globalization;
using System.Text.RegularExpressions;
using ConsentSnapshots.Generator.Consent;
using ConsentSnapshots.Generator.ContentSecurity;

namespace ConsentSnapshots.Generator.Destinations.Types;

/// <summary>Yandex Metrica's tag: <see href="https://yandex.com/support/metrica/code/counter-initialize.html"/>.</summary>
/// <remarks>
/// The vendor documents a switch that keeps a tag from starting, <c>window["disableYaCounter" + id]</c> (<see href="https://yandex.com/support/metrica/general/user-opt-out.html"/>), and none that ends one which
/// has started. The switch is set on withdrawal and taken back by a new grant, so that nothing of the page starts the tag meanwhile; a tag that runs goes on until the page is left.
/// </remarks>
public sealed partial class YandexMetricaType : DestinationType
{
    private const string CookieList = "https://github.com/jkwakman/Open-Cookie-Database";

    private static readonly string[] s_domains =
    [
        "ru", "az", "by", "co.il", "com", "com.am", "com.ge", "com.tr", "ee", "fr", "kg", "kz", "lt", "lv", "md", "tj", "tm", "uz",
    ];

    /// <inheritdoc/>
    public override string Name => "yandex-metrica";

    /// <inheritdoc/>
    public override ImmutableArray<string> Aliases => ["yandex-metrika"];

    /// <inheritdoc/>
    public override string Title => "Yandex Metrica";

    /// <inheritdoc/>
    public override VendorIdentity Identity { get; } = new(
        "Yandex LLC", "https://yandex.com/legal/confidential/", "Measures how a site is used, with click maps and recordings of visits where the site turns them on.", "https://yandex.com/legal/termsofservice/");

    /// <inheritdoc/>
    public override ConsentCategory DefaultCategory => ConsentCategory.Measurement;

    /// <inheritdoc/>
    public override SettingsExamples Examples { get; } = new(
        """{"counterId":"12345678"}""",
        """
        {"id":"87654321","clickmap":false,"trackLinks":true,"accurateTrackBounce":15000,"webvisor":true,"trackHash":true,"ecommerce":"shopLayer","defer":true,
         "initOptions":{"triggerEvent":true},"scriptUrl":"https://ym.example/tag.js"}
        """);

    /// <inheritdoc/>
    public override Uri Homepage { get; } = new("https://yandex.com/support/metrica/code/counter-initialize.html");

    /// <inheritdoc/>
    /// <remarks>Hosts: <see href="https://www.yandex.com/support/metrica/en/code/install-counter-csp"/>. The library asks the host of the visitor's country.</remarks>
    public override VendorHosts Hosts { get; } = new()
    {
        Basis = HostBasis.Guide,
        Documentation = new("https://www.yandex.com/support/metrica/en/code/install-counter-csp"),
        Withheld = "frame-src blob:, for the vendor's own reports that are laid over the site",
        Script = ["https://mc.yandex.ru", "https://mc.yandex.com", "https://yastatic.net"],
        Connect =
        [
            .. s_domains.Select(domain => $"https://mc.yandex.{domain}"), "https://mc.webvisor.com", "https://mc.webvisor.org",
            .. s_domains.Select(domain => $"wss://mc.yandex.{domain}"), "wss://mc.webvisor.com", "wss://mc.webvisor.org",
        ],
        Image = [.. s_domains.Select(domain => $"https://mc.yandex.{domain}"), "https://mc.webvisor.com", "https://mc.webvisor.org"],
    };

    /// <inheritdoc/>
    /// <remarks>The vendor's own list of cookies could not be read; the names and lifetimes are those of a public list that cites it. What Yandex keeps on its own domains no page can erase.</remarks>
    public override ImmutableArray<StoredName> StoredNames { get; } =
    [
        new(BrowserStore.Cookie, "_ym_uid", CookieList) { Lifetime = "1 year" },
        new(BrowserStore.Cookie, "_ym_d", CookieList) { Lifetime = "1 year" },
        new(BrowserStore.Cookie, "_ym_isad", CookieList) { Lifetime = "2 days" },
        new(BrowserStore.Cookie, "_ym_metrika_enabled", CookieList) { Lifetime = "60 minutes" },
        new(BrowserStore.Cookie, "_ym_visorc", CookieList) { Lifetime = "30 minutes" },
        new(BrowserStore.Cookie, "_ym_visorc_*", CookieList) { Lifetime = "30 minutes" },
        new(BrowserStore.Cookie, "_ym_hostIndex", CookieList) { Lifetime = "1 day" },
        new(BrowserStore.Cookie, "_ym_mp2_substs", CookieList) { Lifetime = "session" },
        new(BrowserStore.Cookie, "_ym_debug", CookieList) { Lifetime = "session" },
    ];

    /// <inheritdoc/>
    public override PackageComparison Package => PackageComparison.NotInPackage;

    /// <inheritdoc/>
    public override ImmutableArray<SettingField> Fields { get; } =
    [
        new("counterId", SettingKind.Text, "The tag's number.")
        {
            Required = true, OtherNames = ["id", "tagId", "tag_id", "counter", "counter_id"], Pattern = Number(), PatternInWords = "1 to 12 digits, not beginning with 0",
        },
        new("clickmap", SettingKind.Flag, "Whether data for the click map is collected.") { OtherNames = ["clickMap", "initOptions.clickmap"], DefaultJson = "true" },
        new("trackLinks", SettingKind.Flag, "Whether clicks on outbound links are tracked.") { OtherNames = ["initOptions.trackLinks"] },
        new("accurateTrackBounce", SettingKind.JsonValue, "Whether, or after how many milliseconds, a visit is no bounce.") { OtherNames = ["trackBounce", "initOptions.accurateTrackBounce"] },
        new("webvisor", SettingKind.Flag, "Whether visits are recorded.") { OtherNames = ["initOptions.webvisor"] },
        new("trackHash", SettingKind.Flag, "Whether a change of the URL's fragment is a page view.") { OtherNames = ["initOptions.trackHash"] },
        new("ecommerce", SettingKind.JsonValue, "Whether e-commerce data is read, or the name of the page's array that holds it.") { OtherNames = ["initOptions.ecommerce"] },
        new("defer", SettingKind.Flag, "Whether the first page view is left to the page.") { OtherNames = ["initOptions.defer"], DefaultJson = "false" },
        new("initOptions", SettingKind.JsonObject, "Further parameters of ym(id, 'init'). Every visitor gets the same, and can read them.") { OtherNames = ["options"] },
        new("scriptUrl", SettingKind.HttpsUrl, "The loader.") { DefaultJson = "\"https://mc.yandex.ru/metrika/tag.js\"" },
    ];

    /// <inheritdoc/>
    protected internal override void Compose(ScriptComposer scripts)
    {
        var settings = scripts.Settings;
        var options = new ConfigObject(settings.Value("initOptions"));
        foreach (var name in (string[])["clickmap", "trackLinks", "accurateTrackBounce", "webvisor", "trackHash", "ecommerce", "defer"]) options.Set(name, settings.Value(name));
        scripts.Start(new VendorLibrary(settings.Url("scriptUrl") ?? PageUrl.Of("https://mc.yandex.ru/metrika/tag.js")), config =>
        {
            config.WriteNumber("id", long.Parse(settings.RequiredText("counterId"), CultureInfo.InvariantCulture));
            options.WriteTo(config, "options");
        });
    }

    [GeneratedRegex("^[1-9][0-9]{0,11}\\z", RegexOptions.CultureInvariant)]
    private static partial Regex Number();
}
