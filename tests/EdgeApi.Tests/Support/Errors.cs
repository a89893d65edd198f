using System.Text.Json;
using ConsentSnapshots.EdgeApi.Tests.Http;

namespace ConsentSnapshots.EdgeApi.Tests.Support;

internal static class Errors
{
    /// <summary>The answer is an error as the contract has them: exactly these two members, readable by any page, sniffed by nobody.</summary>
    public static async Task<string> AssertAsync(HttpResponseMessage response, string error)
    {
        Assert.Equal("application/json", HeaderTests.Header(response, "Content-Type"));
        Assert.Equal("*", HeaderTests.Header(response, "Access-Control-Allow-Origin"));
        Assert.Equal("nosniff", HeaderTests.Header(response, "X-Content-Type-Options"));
        Assert.NotNull(HeaderTests.Header(response, "Cache-Control"));
        Assert.Null(HeaderTests.Header(response, "ETag"));
        using var body = JsonDocument.Parse(await response.Content.ReadAsStringAsync(TestContext.Current.CancellationToken));
        Assert.Equal(["error", "message"], body.RootElement.EnumerateObject().Select(property => property.Name));
        Assert.Equal(error, body.RootElement.GetProperty("error").GetString());
        var message = body.RootElement.GetProperty("message").GetString();
        Assert.False(string.IsNullOrEmpty(message));
        return message;
    }
}
