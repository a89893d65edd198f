// Everything that Consent Snapshots needs of Azure, in one resource group: the store, the identities of the pods and what each may do, and, where wanted, Front Door and Postgres.
// docs/azure.md says how to deploy it and how to check the result. No secret is made anywhere: the account takes no keys, and the database no passwords.

metadata name = 'Consent Snapshots'
metadata description = 'Blob store, identities, Front Door and database of one installation of Consent Snapshots.'

@description('The region of the store, the identities and the database. Front Door is everywhere.')
param location string = resourceGroup().location

@description('What the names of the resources begin with: 3 to 16 lower case letters and digits.')
@minLength(3)
@maxLength(16)
param namePrefix string = 'consent'

@description('The storage account. Its name is a part of the address that Storage__ServiceUri has.')
@minLength(3)
@maxLength(24)
param storageAccountName string = take('${namePrefix}${uniqueString(resourceGroup().id)}', 24)

@description('How many copies the account keeps, and where. ZRS survives the loss of a zone.')
@allowed(['Standard_LRS', 'Standard_ZRS', 'Standard_GRS', 'Standard_GZRS'])
param storageSku string = 'Standard_ZRS'

@description('Storage__Container: lists and snapshots, the origin of the CDN.')
param publicContainer string = 'consent-snapshots'

@description('Storage__PrivateContainer: manifests and change log.')
param privateContainer string = 'consent-snapshots-private'

@description('Storage__HistoryContainer: every version of every manifest.')
param historyContainer string = 'consent-snapshots-history'

@description('For how many days nobody may change or delete a version in the history. At least as long as consent records are kept. The policy is not locked by this deployment; docs/azure.md says how to lock it.')
@minValue(1)
@maxValue(146000)
param historyRetentionDays int = 1095

@description('Set it once the policy of the history has been locked (docs/azure.md): it is left as it is then.')
param historyLocked bool = false

@description('The OIDC issuer of the AKS cluster (az aks show --query oidcIssuerProfile.issuerUrl). Empty: no federated credentials are made.')
param aksOidcIssuer string = ''

@description('The namespace that the Helm chart is installed in.')
param kubernetesNamespace string = 'consent-snapshots'

@description('The name of the Helm release. The service accounts are named after it.')
param helmRelease string = 'consent-snapshots'

@description('Whether to create Front Door.')
param deployFrontDoor bool = true

@description('How Front Door reads the public container. identity: with a managed identity, and nobody reads the account without one. anonymous: the public container, and no other, is open to whoever knows a name.')
@allowed(['identity', 'anonymous'])
param publicContainerAccess string = 'identity'

@description('The host name under which Front Door reaches the edge (the host of the chart\'s Ingress, with a certificate for it). Empty: Front Door serves the public container only.')
param edgeHostName string = ''

@description('Whether to create a Postgres server. A control plane usually has one already.')
param deployPostgres bool = false

@description('The Entra principal that administers the Postgres server: { objectId, name, type }, where type is User, Group or ServicePrincipal.')
param postgresAdministrator { objectId: string, name: string, type: ('User' | 'Group' | 'ServicePrincipal') }?

@description('The subnet that is delegated to Microsoft.DBforPostgreSQL/flexibleServers. The server has no public address.')
param postgresSubnetId string = ''

@description('The private DNS zone of the server (….private.postgres.database.azure.com), linked to the cluster\'s network.')
param postgresPrivateDnsZoneId string = ''

@description('The database that has the destinations.')
param postgresDatabase string = 'consent'

@description('Tags of every resource.')
param tags object = {}

// An identity costs nothing, and a database that exists already needs one for migrate as well.
var components = ['worker', 'edge', 'migrate']

module identities 'modules/identity.bicep' = [
  for component in components: {
    name: 'identity-${component}'
    params: {
      name: '${namePrefix}-${component}'
      location: location
      aksOidcIssuer: aksOidcIssuer
      serviceAccount: '${kubernetesNamespace}:${helmRelease}-${component}'
      tags: tags
    }
  }
]

resource frontDoorIdentity 'Microsoft.ManagedIdentity/userAssignedIdentities@2023-01-31' = if (deployFrontDoor && publicContainerAccess == 'identity') {
  name: '${namePrefix}-frontdoor'
  location: location
  tags: tags
}

module storage 'modules/storage.bicep' = {
  name: 'storage'
  params: {
    name: storageAccountName
    location: location
    sku: storageSku
    publicContainer: publicContainer
    privateContainer: privateContainer
    historyContainer: historyContainer
    historyRetentionDays: historyRetentionDays
    historyLocked: historyLocked
    anonymousPublicContainer: deployFrontDoor && publicContainerAccess == 'anonymous'
    workerPrincipalId: identities[0].outputs.principalId
    edgePrincipalId: identities[1].outputs.principalId
    frontDoorSignsIn: deployFrontDoor && publicContainerAccess == 'identity'
    frontDoorPrincipalId: deployFrontDoor && publicContainerAccess == 'identity'
      ? frontDoorIdentity!.properties.principalId
      : ''
    tags: tags
  }
}

module frontDoor 'modules/front-door.bicep' = if (deployFrontDoor) {
  name: 'front-door'
  params: {
    name: '${namePrefix}-${uniqueString(resourceGroup().id)}'
    blobHostName: storage.outputs.blobHostName
    publicContainer: publicContainer
    identityId: publicContainerAccess == 'identity' ? frontDoorIdentity.id : ''
    edgeHostName: edgeHostName
    tags: tags
  }
}

module postgres 'modules/postgres.bicep' = if (deployPostgres) {
  name: 'postgres'
  params: {
    name: '${namePrefix}-${uniqueString(resourceGroup().id)}'
    location: location
    administrator: postgresAdministrator!
    subnetId: postgresSubnetId
    privateDnsZoneId: postgresPrivateDnsZoneId
    database: postgresDatabase
    tags: tags
  }
}

@description('storage.serviceUri of the Helm chart.')
output storageServiceUri string = storage.outputs.serviceUri

@description('worker.workloadIdentity.clientId of the Helm chart.')
output workerClientId string = identities[0].outputs.clientId

@description('edge.workloadIdentity.clientId of the Helm chart.')
output edgeClientId string = identities[1].outputs.clientId

@description('migrate.workloadIdentity.clientId of the Helm chart.')
output migrateClientId string = identities[2].outputs.clientId

@description('storage.publicBaseUrl of the Helm chart; empty without Front Door.')
output publicBaseUrl string = frontDoor.?outputs.publicUrl ?? ''

@description('Where pages reach the edge through Front Door; empty without.')
output edgeUrl string = frontDoor.?outputs.edgeUrl ?? ''

@description('What Front Door writes into X-Azure-FDID, by which the edge\'s Ingress can tell that a request came through it; empty without Front Door.')
output frontDoorId string = frontDoor.?outputs.frontDoorId ?? ''

@description('database.host of the Helm chart; empty without Postgres.')
output postgresHost string = postgres.?outputs.host ?? ''
