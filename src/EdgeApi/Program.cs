using ConsentSnapshots.EdgeApi;
using ConsentSnapshots.EdgeApi.Http;
using ConsentSnapshots.EdgeApi.Settings;

try
{
    if (args.Contains("--print-config")) return await EdgeApp.PrintSettingsAsync([.. args.Where(argument => argument != "--print-config")], Console.Out);
    await using var app = EdgeApp.Build(args);
    await app.StartEdgeAsync();
    await app.WaitForShutdownAsync();
    return 0;
}
catch (Exception exception) when (exception is InvalidOptionsException or ListenException)
{
    await Console.Error.WriteLineAsync(exception.Message);
    return exception is InvalidOptionsException ? 2 : 1;
}
