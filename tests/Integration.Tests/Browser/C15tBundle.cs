using ConsentSnapshots.Integration.Tests.Fixtures;

namespace ConsentSnapshots.Integration.Tests.Browser;

/// <summary>
/// The c15t client as one script a page can load: <c>window.c15t</c> (loadScripts, updateScripts, unloadScripts,
/// createConsentManagerStore, …) and <c>window.c15tScripts</c> (its vendor integrations). Made from <c>tests/browser/entry.js</c>.
/// </summary>
internal static class C15tBundle
{
    /// <summary>
    /// Options of <c>getOrCreateConsentRuntime</c> for a store without a backend, in a country where consent is asked for. The reload that the client makes by
    /// default on withdrawal would hide what a test looks at.
    /// </summary>
    public const string WithoutBackend =
        "mode: 'offline', reloadOnConsentRevoked: false, offlinePolicy: { policyPacks: [c15t.policyPackPresets.europeOptIn()] }, overrides: { country: 'DE' },";

    /// <exception cref="FileNotFoundException">The bundle has not been built.</exception>
    public static string Path
    {
        get
        {
            var path = System.IO.Path.Combine(RepositoryRoot.Path, "tests", "browser", "dist", "c15t.js");
            return File.Exists(path)
                ? path
                : throw new FileNotFoundException("The c15t bundle has not been built: run eng/setup-tests.sh.", path);
        }
    }
}
