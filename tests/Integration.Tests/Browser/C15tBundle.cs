using ConsentSnapshots.Integration.Tests.Fixtures;

namespace ConsentSnapshots.Integration.Tests.Browser;

/// <summary>
/// The c15t client as one script a page can load: <c>window.c15t</c> (loadScripts, updateScripts, unloadScripts,
/// createConsentManagerStore, …) and <c>window.c15tScripts</c> (its vendor integrations). Made from <c>tests/browser/entry.js</c>.
/// </summary>
internal static class C15tBundle
{
    /// <summary>The client of the version that most sites use now.</summary>
    /// <exception cref="FileNotFoundException">The bundle has not been built.</exception>
    public static string Path => Built("c15t.js");

    /// <summary>A file that <c>tests/browser/build.js</c> makes: a client, a router, or a vendor's own library.</summary>
    /// <exception cref="FileNotFoundException">The bundle has not been built.</exception>
    public static string Built(string name)
    {
        var path = Source(System.IO.Path.Combine("dist", name));
        return File.Exists(path) ? path : throw new FileNotFoundException("The bundles have not been built: run eng/setup-tests.sh.", path);
    }

    /// <summary>A file of the browser tests' own code.</summary>
    public static string Source(string name) => System.IO.Path.Combine(RepositoryRoot.Path, "tests", "browser", name);
}
